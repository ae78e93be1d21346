import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { type GraphDefinition, graphOf, ONNX } from "./graph_fixture.ts";
import { validateConfig } from "./validate.ts";

type Init = MessageInitShape<typeof ModelConfigSchema>;

const BOOL = 1, INT32 = 8, INT64 = 9, FP32 = 11, BF16 = 14;

const GRAPH: GraphDefinition = {
  inputs: [{ name: "INPUT0", shape: ["batch", 16] }, { name: "INPUT1", type: ONNX.INT32, shape: ["batch", -1] }],
  outputs: [{ name: "OUTPUT0", shape: ["batch", 16] }],
};

const CONFIG = {
  maxBatchSize: 8,
  input: [{ name: "INPUT0", dataType: FP32, dims: [16n] }, { name: "INPUT1", dataType: INT32, dims: [4n] }],
  output: [{ name: "OUTPUT0", dataType: FP32, dims: [16n] }],
};

function validate(config: Init, graph: GraphDefinition = GRAPH): void {
  validateConfig(create(ModelConfigSchema, { name: "m", ...config }) as ModelConfig, graphOf(graph));
}

function refuses(config: Init, code: string, message: string | RegExp, graph?: GraphDefinition): void {
  assert.throws(() => validate(config, graph), (error: Error & { code: string }) => {
    if (typeof message === "string") assert.ok(error.message.startsWith(message), error.message);
    else assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  });
}

Deno.test("validateConfig() accepts what fits, with dims free or fixed where the graph is free", () => {
  validate(CONFIG);
  validate({ ...CONFIG, input: [CONFIG.input[0], { ...CONFIG.input[1], dims: [-1n] }] });
  validate({
    ...CONFIG,
    maxBatchSize: 0,
    input: CONFIG.input.map((i) => ({ ...i, dims: [2n, ...i.dims] })),
    output: [],
  });
});

Deno.test("validateConfig() counts inputs and lists what the graph has", () => {
  refuses(
    { ...CONFIG, input: [CONFIG.input[0]] },
    "INVALID_ARGUMENT",
    "unable to load model 'm', configuration expects 1 inputs, model provides 2: 'INPUT0' (TYPE_FP32 [-1,16]), " +
      "'INPUT1' (TYPE_INT32 [-1,-1])",
  );
});

Deno.test("validateConfig() names unknown inputs and outputs with the nearest there is", () => {
  refuses(
    { ...CONFIG, input: [CONFIG.input[0], { ...CONFIG.input[1], name: "input1" }] },
    "INVALID_ARGUMENT",
    "unexpected inference input 'input1', allowed inputs are: INPUT0, INPUT1 (did you mean 'INPUT1'?). The graph has " +
      "inputs 'INPUT0' (TYPE_FP32 [-1,16])",
  );
  refuses(
    { ...CONFIG, output: [{ name: "result", dataType: FP32, dims: [16n] }] },
    "INVALID_ARGUMENT",
    "unexpected inference output 'result', allowed outputs are: OUTPUT0. The graph has outputs 'OUTPUT0'",
  );
});

Deno.test("validateConfig() compares data types", () => {
  refuses(
    { ...CONFIG, input: [CONFIG.input[0], { ...CONFIG.input[1], dataType: INT64 }] },
    "INVALID_ARGUMENT",
    "unable to load model 'm', configuration expects datatype TYPE_INT64 for input 'INPUT1', model provides TYPE_INT32",
  );
  refuses(
    { ...CONFIG, output: [{ ...CONFIG.output[0], dataType: BF16 }] },
    "INTERNAL",
    "unsupported datatype TYPE_BF16 for output 'OUTPUT0' for model 'm'",
  );
});

Deno.test("validateConfig() compares shapes with and without batching", () => {
  refuses(
    { ...CONFIG, input: [{ ...CONFIG.input[0], dims: [8n, 16n] }, CONFIG.input[1]] },
    "INVALID_ARGUMENT",
    "model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but the model configuration specifies " +
      "3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, " +
      "making complete shape [-1,8,16])",
  );
  refuses(
    { ...CONFIG, maxBatchSize: 0 },
    "INVALID_ARGUMENT",
    "model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but the model configuration specifies " +
      "1 dimensions (shape [16])",
  );
  refuses(
    { ...CONFIG, output: [{ ...CONFIG.output[0], dims: [-1n] }] },
    "INVALID_ARGUMENT",
    /tensor 'OUTPUT0': .*\(shape \[-1,16\]\).*complete shape \[-1,-1\]/,
  );
});

Deno.test("validateConfig() wants a free first dimension of every tensor of a batching model", () => {
  refuses(
    CONFIG,
    "INVALID_ARGUMENT",
    "model 'm', tensor 'OUTPUT0': for the model to support batching the shape should have at least 1 dimension and the " +
      "first dimension must be -1; but shape expected by the model is [1,16]",
    { ...GRAPH, outputs: [{ name: "OUTPUT0", shape: [1, 16] }] },
  );
});

Deno.test("validateConfig() checks the reshaped dims where there is a reshape", () => {
  const input = [{ ...CONFIG.input[0], dims: [4n, 4n], reshape: { shape: [16n] } }, CONFIG.input[1]];
  validate({ ...CONFIG, input });
  refuses(
    { ...CONFIG, input: [{ ...input[0], reshape: { shape: [2n, 8n] } }, input[1]] },
    "INVALID_ARGUMENT",
    /\[-1,2,8\]/,
  );
});

Deno.test("validateConfig() takes scalars as dims of ones, and any dims where the file gives no shape", () => {
  const graph: GraphDefinition = { inputs: [{ name: "x", shape: [] }], outputs: [{ name: "y" }] };
  const io = (dims: bigint[]) => ({
    input: [{ name: "x", dataType: FP32, dims }],
    output: [{ name: "y", dataType: FP32, dims: [3n, -1n] }],
  });
  validate(io([1n]), graph);
  refuses(
    io([2n]),
    "INVALID_ARGUMENT",
    "unable to load model 'm', scalar tensor 'x', should only provide 1 in the model configuration when the model " +
      "doesn't support batching. Model configuration provided: [2].",
    graph,
  );
});

Deno.test("validateConfig() takes optional inputs with an initializer in models that do not batch", () => {
  const graph = { ...GRAPH, initializers: ["INPUT1"] };
  const optional = (maxBatchSize: number) => ({
    ...CONFIG,
    maxBatchSize,
    input: [
      { ...CONFIG.input[0], dims: maxBatchSize ? [16n] : [1n, 16n] },
      { ...CONFIG.input[1], dims: maxBatchSize ? [4n] : [1n, 4n], optional: true },
    ],
    output: [],
  });
  validate(optional(0), graph);
  refuses(
    optional(8),
    "INVALID_ARGUMENT",
    "unable to load model 'm', optional input 'INPUT1' is not supported for models that support batching",
    graph,
  );
  refuses(optional(0), "INVALID_ARGUMENT", /expects 1 inputs, model provides 2.*'INPUT1' has none: remove 'optional'/);
});

Deno.test("validateConfig() takes ragged inputs whose graph shape is [-1]", () => {
  const ragged = [{ ...CONFIG.input[0], allowRaggedBatch: true }, CONFIG.input[1]];
  refuses(
    { ...CONFIG, input: ragged },
    "INVALID_ARGUMENT",
    "unable to load model 'm', configuration expects model provides input with shape [-1] for ragged input 'INPUT0', " +
      "model provides [-1,16]",
  );
  validate({ ...CONFIG, input: ragged }, { ...GRAPH, inputs: [{ name: "INPUT0", shape: [-1] }, GRAPH.inputs[1]] });
});

Deno.test("validateConfig() checks sequence controls and states", () => {
  const graph: GraphDefinition = {
    inputs: [
      ...GRAPH.inputs,
      { name: "START", type: ONNX.INT32, shape: [-1, 1] },
      { name: "state_in", shape: [-1, 2] },
    ],
    outputs: [...GRAPH.outputs, { name: "state_out", shape: [-1, 2] }],
  };
  const sequence = (control: object, state: object): Init => ({
    ...CONFIG,
    schedulingChoice: {
      case: "sequenceBatching",
      value: {
        controlInput: [{ name: "START", control: [{ kind: 0, int32FalseTrue: [0, 1] }], ...control }],
        state: [{ inputName: "state_in", outputName: "state_out", dataType: FP32, dims: [2n], ...state }],
      },
    },
  });
  validate(sequence({}, {}), graph);
  refuses(
    sequence({ name: "STRAT" }, {}),
    "INTERNAL",
    "configuration specified sequence control 'STRAT', but model does not provide that input (did you mean 'START'?)",
    graph,
  );
  refuses(
    sequence({ name: "state_in" }, {}),
    "INVALID_ARGUMENT",
    "unable to load model 'm', sequence control 'state_in' in model has dims [2] but dims [1] is expected",
    graph,
  );
  refuses(
    sequence({ control: [{ kind: 0, boolFalseTrue: [false, true] }] }, {}),
    "INVALID_ARGUMENT",
    "unable to load model 'm', sequence control 'START', the model expects data-type INT32 but the model configuration " +
      "specifies data-type TYPE_BOOL",
    graph,
  );
  refuses(
    sequence({}, { outputName: "state_ou" }),
    "INVALID_ARGUMENT",
    /^unable to load model 'm', sequence state output 'state_ou' .*did you mean 'state_out'/,
    graph,
  );
  refuses(sequence({}, { dataType: BOOL }), "INVALID_ARGUMENT", /datatype TYPE_BOOL for input 'state_in'/, graph);
});

Deno.test("validateConfig() refuses custom operator libraries", () => {
  refuses({ ...CONFIG, modelOperations: { opLibraryFilename: ["ops.so"] } }, "UNSUPPORTED", /'ops\.so'/);
});
