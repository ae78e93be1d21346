import { fromBinary } from "@bufbuild/protobuf";
import { join } from "node:path";
import type { DataType } from "../../core/data_type.ts";
import { modelFileCorrupt, modelFileMissing } from "../../core/errors/onnxruntime.ts";
import {
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from "../../proto/gen/onnx_pb.ts";
import type { ModelSource } from "../backend.ts";

/** A tensor that enters or leaves an ONNX graph. */
export interface GraphTensor {
  readonly name: string;
  /** ONNX's name of the element type: `FLOAT`, `INT64`, `BFLOAT16`. */
  readonly elementType: string;
  /** Undefined for element types that the protocol has no name for (`COMPLEX64`, `INT4`, …). */
  readonly datatype: DataType | undefined;
  /** Full shape, free dimensions as -1; `[]` is a scalar; undefined where the file gives no shape at all. */
  readonly shape: readonly number[] | undefined;
  /** Names of the free dimensions by position: equal names mean equal sizes. Fixed and nameless ones are "". */
  readonly symbols: readonly string[];
}

/** An input or output that is no tensor. */
export interface GraphNonTensor {
  readonly name: string;
  /** `ONNX_TYPE_SEQUENCE`, `ONNX_TYPE_MAP`, `ONNX_TYPE_OPTIONAL` or `ONNX_TYPE_UNKNOWN`. */
  readonly onnxType: string;
  /** For people: `sequence<map<INT64, FLOAT>>`. */
  readonly type: string;
}

/** What an ONNX file says of its graph, weights apart. */
export interface OnnxGraph {
  readonly path: string;
  /** What every run must be given, in the file's order. */
  readonly inputs: readonly GraphTensor[];
  /** Inputs with an initializer: a run may override their value. */
  readonly overridable: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly nonTensorInputs: readonly GraphNonTensor[];
  readonly nonTensorOutputs: readonly GraphNonTensor[];
  /** Operators of the graph, its subgraphs and its functions; those outside the ONNX domain as `domain.Name`. */
  readonly opTypes: ReadonlySet<string>;
  /** Whether `If`, `Loop` or `Scan` occurs. */
  readonly controlFlow: boolean;
  /** Single integers that the graph compares with something: what its branches may depend on, as a sampling rate. */
  readonly comparedIntegers: readonly number[];
  /** Whether weights are FP16 or fewer bits, so that runtimes may compute with less than FP32's precision. */
  readonly lowPrecision: boolean;
  /** Size of the file in bytes; external weights not counted. */
  readonly bytes: number;
}

/** `TensorProto.DataType` of the ONNX format, by number: its name there and ours. */
const ELEMENT_TYPES: Readonly<Record<number, readonly [string, DataType?]>> = {
  1: ["FLOAT", "FP32"],
  2: ["UINT8", "UINT8"],
  3: ["INT8", "INT8"],
  4: ["UINT16", "UINT16"],
  5: ["INT16", "INT16"],
  6: ["INT32", "INT32"],
  7: ["INT64", "INT64"],
  8: ["STRING", "BYTES"],
  9: ["BOOL", "BOOL"],
  10: ["FLOAT16", "FP16"],
  11: ["DOUBLE", "FP64"],
  12: ["UINT32", "UINT32"],
  13: ["UINT64", "UINT64"],
  14: ["COMPLEX64"],
  15: ["COMPLEX128"],
  16: ["BFLOAT16", "BF16"],
  17: ["FLOAT8E4M3FN"],
  18: ["FLOAT8E4M3FNUZ"],
  19: ["FLOAT8E5M2"],
  20: ["FLOAT8E5M2FNUZ"],
  21: ["UINT4"],
  22: ["INT4"],
  23: ["FLOAT4E2M1"],
};

/** From this version of the format on, an initializer that is also an input is a default that a run may override. */
const OVERRIDABLE_SINCE_IR = 4n;

const INT32 = 6;
const INT64 = 7;
const FLOAT16 = 10;
const QUANTIZED_MATMUL = "com.microsoft.MatMulNBits";

const CONTROL_FLOW = ["If", "Loop", "Scan"] as const;

/**
 * The model file of a version: `default_model_filename` (`model.onnx` where the config has none), or `model.onnx` in the
 * directory of that name.
 *
 * @throws Status UNAVAILABLE when there is no such file.
 */
export async function modelPath(source: ModelSource): Promise<string> {
  const path = join(source.versionDirectory, source.config.defaultModelFilename || "model.onnx");
  const inside = join(path, "model.onnx");
  try {
    if (!(await Deno.stat(path)).isDirectory) return path;
    await Deno.stat(inside);
    return inside;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.NotADirectory)) throw error;
    const missing = await isDirectory(path) ? inside : path;
    throw modelFileMissing(source.name, missing, await otherFiles(source.versionDirectory));
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isDirectory, () => false);
}

async function otherFiles(directory: string): Promise<string> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) names.push(entry.name);
  } catch {
    return "; the version directory cannot be read";
  }
  if (names.length === 0) return "; the version directory is empty";
  return `; the directory has ${names.sort().slice(0, 8).join(", ")}. Name the file in default_model_filename`;
}

/**
 * Reads the graph of an ONNX file. Weights are skipped over: nothing of the file is kept.
 *
 * @throws Status INTERNAL when the file is no ONNX model.
 */
export async function readGraph(path: string): Promise<OnnxGraph> {
  return parseGraph(await Deno.readFile(path), path);
}

/** {@link readGraph} of bytes at hand; `path` only names them. */
export function parseGraph(file: Uint8Array, path: string): OnnxGraph {
  let model;
  try {
    model = fromBinary(ModelProtoSchema, file, { readUnknownFields: false });
  } catch (error) {
    throw modelFileCorrupt(path, file.length, error instanceof Error ? error.message : String(error));
  }
  const graph = model.graph;
  if (!graph || graph.node.length + graph.output.length === 0) {
    throw modelFileCorrupt(path, file.length, file.length === 0 ? "it is empty" : "it has no graph");
  }
  const initializers = new Set(graph.initializer.map((tensor) => tensor.name));
  for (const sparse of graph.sparseInitializer) if (sparse.values) initializers.add(sparse.values.name);
  const given = graph.input.filter((input) => !initializers.has(input.name));
  const defaulted = model.irVersion >= OVERRIDABLE_SINCE_IR
    ? graph.input.filter((input) => initializers.has(input.name))
    : [];
  const nodes = new NodeSurvey();
  for (const tensor of graph.initializer) nodes.constant(tensor.name, tensor);
  nodes.visit(graph.node);
  for (const each of model.functions) nodes.visit(each.node);
  const { opTypes } = nodes;
  return {
    path,
    inputs: tensors(given),
    overridable: tensors(defaulted),
    outputs: tensors(graph.output),
    nonTensorInputs: nonTensors(given),
    nonTensorOutputs: nonTensors(graph.output),
    opTypes,
    controlFlow: CONTROL_FLOW.some((name) => opTypes.has(name)),
    comparedIntegers: nodes.comparedIntegers(),
    lowPrecision: graph.initializer.some((tensor) => tensor.dataType === FLOAT16) || opTypes.has(QUANTIZED_MATMUL),
    bytes: file.length,
  };
}

const COMPARISONS = ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"];

/** What is gathered from the nodes of a graph, its subgraphs and its functions. */
class NodeSurvey {
  readonly opTypes = new Set<string>();
  /** Single integers by the name of their constant; a name used again in a subgraph adds to it. */
  readonly #integers = new Map<string, number[]>();
  readonly #compared = new Set<string>();

  visit(nodes: readonly NodeProto[]): void {
    for (const { domain, opType, input, output, attribute } of nodes) {
      const standard = domain === "" || domain === "ai.onnx";
      this.opTypes.add(standard ? opType : `${domain}.${opType}`);
      if (COMPARISONS.includes(opType)) { for (const name of input) this.#compared.add(name); }
      for (const { name, t, i, g, graphs } of attribute) {
        if (opType === "Constant" && name === "value" && t) this.constant(output[0], t);
        if (opType === "Constant" && name === "value_int") this.#add(output[0], Number(i));
        if (g) this.#visitGraph(g);
        for (const graph of graphs) this.#visitGraph(graph);
      }
    }
  }

  constant(name: string, { dims, dataType, int64Data, rawData }: TensorProto): void {
    if (dims.some((dim) => dim !== 1n)) return;
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
    if (dataType === INT64 && int64Data.length === 1) this.#add(name, Number(int64Data[0]));
    else if (dataType === INT64 && rawData.length === 8) this.#add(name, Number(view.getBigInt64(0, true)));
    else if (dataType === INT32 && rawData.length === 4) this.#add(name, view.getInt32(0, true));
  }

  comparedIntegers(): number[] {
    return [...new Set([...this.#compared].flatMap((name) => this.#integers.get(name) ?? []))];
  }

  #visitGraph(graph: GraphProto): void {
    for (const tensor of graph.initializer) this.constant(tensor.name, tensor);
    this.visit(graph.node);
  }

  #add(name: string, value: number): void {
    const known = this.#integers.get(name);
    if (known) known.push(value);
    else this.#integers.set(name, [value]);
  }
}

function tensors(values: readonly ValueInfoProto[]): GraphTensor[] {
  const found: GraphTensor[] = [];
  for (const { name, type } of values) {
    if (type?.value.case !== "tensorType") continue;
    const { elemType, shape } = type.value.value;
    const [elementType, datatype] = ELEMENT_TYPES[elemType] ?? [`type ${elemType}`];
    found.push({
      name,
      elementType,
      datatype,
      shape: shape?.dim.map(({ value }) => value.case === "dimValue" && value.value >= 0n ? Number(value.value) : -1),
      symbols: shape?.dim.map(({ value }) => value.case === "dimParam" ? value.value : "") ?? [],
    });
  }
  return found;
}

function nonTensors(values: readonly ValueInfoProto[]): GraphNonTensor[] {
  return values.filter(({ type }) => type?.value.case !== "tensorType").map(({ name, type }) => ({
    name,
    onnxType: `ONNX_TYPE_${type?.value.case?.replace("Type", "").toUpperCase() ?? "UNKNOWN"}`,
    type: describeType(type),
  }));
}

function describeType(type: TypeProto | undefined): string {
  const value = type?.value;
  switch (value?.case) {
    case "tensorType":
      return `tensor(${elementName(value.value.elemType)})`;
    case "sequenceType":
      return `sequence<${describeType(value.value.elemType)}>`;
    case "mapType":
      return `map<${elementName(value.value.keyType)}, ${describeType(value.value.valueType)}>`;
    case "optionalType":
      return `optional<${describeType(value.value.elemType)}>`;
    default:
      return "value of unknown type";
  }
}

function elementName(elemType: number): string {
  return ELEMENT_TYPES[elemType]?.[0] ?? `type ${elemType}`;
}
