import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "../proto/gen/onnx_pb.ts";

/** Width of the convolutional model's layers, and how many there are: about 14 ms of one core per image. */
const CHANNELS = 32;
const LAYERS = 6;
const SIDE = 128;

/** Shape of one image of the convolutional model, without the batch dimension. */
export const CONV_SHAPE: readonly number[] = [3, SIDE, SIDE];

const FLOAT = 1;
const tensorType = (shape: readonly (number | string)[]) => ({
  value: {
    case: "tensorType" as const,
    value: {
      elemType: FLOAT,
      shape: {
        dim: shape.map((dim) => ({
          value: typeof dim === "number"
            ? { case: "dimValue" as const, value: BigInt(dim) }
            : { case: "dimParam" as const, value: dim },
        })),
      },
    },
  },
});

/** A plain convolutional network with fixed pseudo-random weights: 3×3 convolutions with ReLU, pooled to one row. */
export function convModel(): Uint8Array {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5;
  const node: object[] = [];
  const initializer: object[] = [];
  let from = "INPUT";
  for (let layer = 0, channels = 3; layer < LAYERS; layer++, channels = CHANNELS) {
    const weights = Float32Array.from({ length: CHANNELS * channels * 9 }, () => random() / Math.sqrt(channels * 9));
    initializer.push({
      name: `W${layer}`,
      dataType: FLOAT,
      dims: [CHANNELS, channels, 3, 3].map(BigInt),
      rawData: new Uint8Array(weights.buffer),
    });
    node.push({
      opType: "Conv",
      input: [from, `W${layer}`],
      output: [`C${layer}`],
      attribute: [{ name: "pads", type: 7, ints: [1n, 1n, 1n, 1n] }],
    });
    from = `R${layer}`;
    node.push({ opType: "Relu", input: [`C${layer}`], output: [from] });
  }
  node.push({ opType: "GlobalAveragePool", input: [from], output: ["OUTPUT"] });
  return model(node, initializer, ["N", ...CONV_SHAPE], ["N", CHANNELS, 1, 1]);
}

/** Width of the dense model: its weights are what one row costs, and what the rows of a batch share. */
export const DENSE_WIDTH = 1024;

/** Four dense layers, 16 MB of weights: reading them takes longer than using them once. */
export function denseModel(): Uint8Array {
  const node: object[] = [];
  const initializer: object[] = [];
  for (let layer = 0; layer < 4; layer++) {
    const weights = Float32Array.from({ length: DENSE_WIDTH ** 2 }, (_, i) => ((i * 7919) % 1000) / 1e5 - 0.005);
    initializer.push({
      name: `W${layer}`,
      dataType: FLOAT,
      dims: [DENSE_WIDTH, DENSE_WIDTH].map(BigInt),
      rawData: new Uint8Array(weights.buffer),
    });
    node.push({
      opType: "MatMul",
      input: [layer === 0 ? "INPUT" : `D${layer - 1}`, `W${layer}`],
      output: [layer === 3 ? "OUTPUT" : `D${layer}`],
    });
  }
  return model(node, initializer, ["N", DENSE_WIDTH], ["N", DENSE_WIDTH]);
}

/** Batching settings that the bench compares, by the name of the model that has them. */
export const BATCHING: ReadonlyMap<string, string> = new Map([
  ["alone", "max_batch_size: 16"],
  ["dynamic", "max_batch_size: 16 dynamic_batching { }"],
  [
    "preferred_4_8",
    "max_batch_size: 16 dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 1000 }",
  ],
  ["delay_5ms", "max_batch_size: 16 dynamic_batching { max_queue_delay_microseconds: 5000 }"],
]);

/** OUTPUT = INPUT × 2, on rows of any length: the cost of carrying large tensors. */
export function scaleModel(): Uint8Array {
  const two = { name: "two", dataType: FLOAT, dims: [], rawData: new Uint8Array(Float32Array.of(2).buffer) };
  const multiply = { opType: "Mul", input: ["INPUT", "two"], output: ["OUTPUT"] };
  return model([multiply], [two], ["N", "M"], ["N", "M"]);
}

function model(
  node: object[],
  initializer: object[],
  input: readonly (number | string)[],
  output: readonly (number | string)[],
): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: "", version: 17n }],
      graph: {
        name: "bench",
        node,
        initializer,
        input: [{ name: "INPUT", type: tensorType(input) }],
        output: [{ name: "OUTPUT", type: tensorType(output) }],
      },
    }),
  );
}

const ADD_SUB_CONFIG = `max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]
`;

/** The example `simple_sequence`, for a thousand sequences at once. */
const SEQUENCE_CONFIG = `max_batch_size: 64
sequence_batching {
  max_sequence_idle_microseconds: 60000000
  oldest { max_candidate_sequences: 1024 }
  control_input [
    { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
    { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] }
  ]
}
input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU } ]
`;

const ADD_SUB_PYTHON = `import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            a = pb.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            b = pb.get_input_tensor_by_name(request, "INPUT1").as_numpy()
            responses.append(pb.InferenceResponse([pb.Tensor("OUTPUT0", a + b), pb.Tensor("OUTPUT1", a - b)]))
        return responses
`;

/** Our repository: the example `simple`, and the models made above. */
export async function writeRepository(directory: string): Promise<void> {
  const simple = new URL("../models/simple/", import.meta.url);
  await Deno.mkdir(`${directory}/simple/1`, { recursive: true });
  await Deno.copyFile(new URL("config.pbtxt", simple), `${directory}/simple/config.pbtxt`);
  await Deno.copyFile(new URL("1/model.onnx", simple), `${directory}/simple/1/model.onnx`);
  await Deno.mkdir(`${directory}/simple_batched/1`, { recursive: true });
  await Deno.writeTextFile(`${directory}/simple_batched/config.pbtxt`, `${ADD_SUB_CONFIG}dynamic_batching { }\n`);
  await Deno.copyFile(new URL("1/model.onnx", simple), `${directory}/simple_batched/1/model.onnx`);
  for (const [name, bytes] of [["conv", convModel()], ["scale", scaleModel()]] as const) {
    await Deno.mkdir(`${directory}/${name}/1`, { recursive: true });
    await Deno.writeFile(`${directory}/${name}/1/model.onnx`, bytes);
    // CPU: the bare loop it is compared with runs there too
    await Deno.writeTextFile(`${directory}/${name}/config.pbtxt`, "instance_group [ { kind: KIND_CPU } ]\n");
  }
  const sequence = new URL("../models/simple_sequence/1/model.onnx", import.meta.url);
  await Deno.mkdir(`${directory}/sequences/1`, { recursive: true });
  await Deno.copyFile(sequence, `${directory}/sequences/1/model.onnx`);
  await Deno.writeTextFile(`${directory}/sequences/config.pbtxt`, SEQUENCE_CONFIG);
  const dense = denseModel();
  for (const [name, settings] of BATCHING) {
    await Deno.mkdir(`${directory}/${name}/1`, { recursive: true });
    await Deno.writeFile(`${directory}/${name}/1/model.onnx`, dense);
    await Deno.writeTextFile(
      `${directory}/${name}/config.pbtxt`,
      `${settings}\ninput [ { name: "INPUT" data_type: TYPE_FP32 dims: [ ${DENSE_WIDTH} ] } ]\n` +
        `output [ { name: "OUTPUT" data_type: TYPE_FP32 dims: [ ${DENSE_WIDTH} ] } ]\n` +
        "instance_group [ { kind: KIND_CPU count: 1 } ]\n",
    );
  }
}

/** The real server's repository: add/sub as a Python model, the backend that it has there. */
export async function writeReferenceRepository(directory: string): Promise<void> {
  await Deno.mkdir(`${directory}/simple/1`, { recursive: true });
  await Deno.writeTextFile(
    `${directory}/simple/config.pbtxt`,
    `backend: "python"\n${ADD_SUB_CONFIG}dynamic_batching { }\n`,
  );
  await Deno.writeTextFile(`${directory}/simple/1/model.py`, ADD_SUB_PYTHON);
}
