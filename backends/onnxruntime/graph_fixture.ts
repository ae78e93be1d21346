/** Builds small ONNX models for tests. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type TypeProto,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from "../../proto/gen/onnx_pb.ts";
import { type OnnxGraph, parseGraph } from "./graph.ts";

/** `TensorProto.DataType` numbers that tests use. */
export const ONNX = { FLOAT: 1, INT32: 6, INT64: 7, STRING: 8, BOOL: 9, FLOAT16: 10, DOUBLE: 11, BFLOAT16: 16 };

/** A dimension: fixed, named and free, or free without a name. */
export type Dim = number | string | undefined;

export interface ValueDefinition {
  readonly name: string;
  readonly type?: number;
  /** Undefined leaves the shape out of the file. */
  readonly shape?: readonly Dim[];
  /** Instead of a tensor. */
  readonly special?: MessageInitShape<typeof TypeProtoSchema>;
}

export interface NodeDefinition {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  readonly subgraph?: GraphProto;
  /** Attributes with an integer, as `to` of Cast. */
  readonly integers?: Readonly<Record<string, number>>;
}

/** A tensor in the file. */
export interface ConstantDefinition {
  readonly name: string;
  readonly dims: readonly number[];
  /** FP32 or INT64. */
  readonly values: Float32Array | BigInt64Array;
}

export interface GraphDefinition {
  readonly inputs: readonly ValueDefinition[];
  readonly outputs: readonly ValueDefinition[];
  readonly nodes?: readonly NodeDefinition[];
  /** Names; each becomes an FP32 scalar without data, which is enough for reading. */
  readonly initializers?: readonly string[];
  readonly constants?: readonly ConstantDefinition[];
  readonly irVersion?: number;
}

/** The file's bytes. Opset 17, which every runtime here reads. */
export function onnxModel(definition: GraphDefinition): Uint8Array<ArrayBuffer> {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(definition.irVersion ?? 8),
      producerName: "test",
      graph: onnxGraph(definition),
      opsetImport: [{ domain: "", version: 17n }],
    }),
  );
}

export function onnxGraph({ inputs, outputs, nodes, initializers, constants }: GraphDefinition): GraphProto {
  return create(GraphProtoSchema, {
    name: "graph",
    node: (nodes ?? [{ op: "Identity", inputs: [inputs[0]?.name ?? ""], outputs: [outputs[0].name] }]).map(nodeOf),
    initializer: [
      ...(initializers ?? []).map((name) => ({ name, dataType: ONNX.FLOAT })),
      ...(constants ?? []).map(constantOf),
    ],
    input: inputs.map(valueOf),
    output: outputs.map(valueOf),
  });
}

/** The graph as the server reads it. */
export function graphOf(definition: GraphDefinition): OnnxGraph {
  return parseGraph(onnxModel(definition), "model.onnx");
}

function constantOf({ name, dims, values }: ConstantDefinition) {
  const { buffer, byteOffset, byteLength } = values;
  return {
    name,
    dims: dims.map(BigInt),
    dataType: values instanceof Float32Array ? ONNX.FLOAT : ONNX.INT64,
    rawData: new Uint8Array(buffer, byteOffset, byteLength).slice(),
  };
}

function nodeOf({ op, inputs, outputs, domain, subgraph, integers }: NodeDefinition) {
  return create(NodeProtoSchema, {
    opType: op,
    input: [...inputs],
    output: [...outputs],
    domain: domain ?? "",
    attribute: [
      ...(subgraph ? [{ name: "body", type: 5, g: subgraph }] : []),
      ...Object.entries(integers ?? {}).map(([name, value]) => ({ name, type: 2, i: BigInt(value) })),
    ],
  });
}

function valueOf({ name, type, shape, special }: ValueDefinition) {
  return create(ValueInfoProtoSchema, { name, type: special ?? tensorType(type ?? ONNX.FLOAT, shape) });
}

function tensorType(elemType: number, shape: readonly Dim[] | undefined): TypeProto {
  return create(TypeProtoSchema, {
    value: {
      case: "tensorType",
      value: {
        elemType,
        shape: shape && {
          dim: shape.map((dim) => ({
            value: typeof dim === "number"
              ? { case: "dimValue" as const, value: BigInt(dim) }
              : { case: dim === undefined ? undefined : "dimParam" as const, value: dim },
          })) as never,
        },
      },
    },
  });
}
