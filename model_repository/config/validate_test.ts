import assert from "node:assert/strict";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import { completeBackend, normaliseConfig, readConfig, validateAtLoad, validateAtPoll } from "./mod.ts";

const MODEL = `max_batch_size: 4
input { name: "X" data_type: TYPE_FP32 dims: -1 } output { name: "Y" data_type: TYPE_FP32 dims: -1 }`;

function prepared(text: string): ModelConfig {
  const config = readConfig("config.pbtxt", text.includes("platform:") ? text : `backend: "identity" ${text}`);
  completeBackend(config, "m", []);
  normaliseConfig(config);
  return config;
}

/** Checks that each configuration fails with a text that starts as given, or with none. */
function check(validate: (config: ModelConfig) => void, cases: readonly [text: string, error: string | null][]): void {
  for (const [text, error] of cases) {
    const config = prepared(text);
    let thrown: { code?: string; message?: string } = {};
    try {
      validate(config);
    } catch (caught) {
      thrown = caught as typeof thrown;
    }
    assert.equal(thrown.code, error === null ? undefined : "INVALID_ARGUMENT", `${text}: ${thrown.message}`);
    assert.equal(thrown.message?.slice(0, error?.length) ?? null, error, text);
  }
}

const atPoll = (config: ModelConfig): void => validateAtPoll(config, "m");

Deno.test("validateAtPoll() checks name, platform, backend and max_batch_size", () => {
  check(atPoll, [
    [MODEL, null],
    ['name: "other"', "unexpected directory name 'm' for model 'other', directory name must equal model name"],
    ['platform: "foo"', "unexpected platform type 'foo' for m"],
    [
      'platform: "foo" backend: "onnxruntime"',
      "unexpected 'platform' and 'backend' pair, got:foo, onnxruntime",
    ],
    ['platform: "onnxruntime_onnx" backend: "identity"', null],
    ["max_batch_size: -1", "'max_batch_size' must be non-negative value for m"],
    ['platform: "ensemble"', "ensemble scheduling must be set for ensemble m whose platform is ensemble"],
    [
      'platform: "ensemble" backend: "identity"',
      "Ensemble model 'm' must have platform type 'ensemble' and empty backend type",
    ],
    ["ensemble_scheduling { }", "ensemble scheduling cannot be set for model 'm' whose platform is not ensemble"],
    [
      'model_repository_agents { agents { name: "nope" } }',
      "unable to find 'libtritonrepoagent_nope.so' for repo agent 'nope'",
    ],
  ]);
});

Deno.test("validateAtPoll() checks the response cache and model metrics", () => {
  const control = (text: string) => `model_metrics { metric_control { ${text} } }`;
  check(atPoll, [
    ["response_cache { enable: true }", null],
    [
      "response_cache { enable: true } sequence_batching { }",
      "Response Cache does not currently support model m with sequence batching scheduler. Please disable the response cache.",
    ],
    [
      "response_cache { enable: true } model_transaction_policy { decoupled: true }",
      "Response Cache does not currently support model m with 'decoupled' transaction policy. Please disable the response cache.",
    ],
    [control(""), "metric control must specify 'metric_identifier'"],
    [control("metric_identifier { }"), "metric identifier must specify non-empty 'family'"],
    [control('metric_identifier { family: "f" }'), "metric control must specify 'histogram_options'"],
    [
      control('metric_identifier { family: "f" } histogram_options { }'),
      "histogram options must specify non-empty 'buckets'",
    ],
    [control('metric_identifier { family: "f" } histogram_options { buckets: 1 }'), null],
  ]);
});

Deno.test("validateAtPoll() checks the dynamic batcher", () => {
  const batching = (text: string) => `max_batch_size: 4 dynamic_batching { ${text} }`;
  check(atPoll, [
    ["dynamic_batching { }", null],
    [batching("preferred_batch_size: [ 2, 4 ]"), null],
    [batching("preferred_batch_size: 0"), "dynamic batching preferred size must be positive for m"],
    [batching("preferred_batch_size: 8"), "dynamic batching preferred size must be <= max batch size for m"],
    [batching("priority_levels: 2"), "default priority level must be in range [1, 2] for m"],
    [
      batching("priority_levels: 2 default_priority_level: 3"),
      "default priority level must be in range [1, 2] for m",
    ],
    [batching("default_priority_level: 3"), null],
    [
      batching("priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 5 }"),
      "priority queue policy must have priority level in range [1, 2] for m",
    ],
    [
      batching("preserve_ordering: true priority_levels: 2 default_priority_level: 1"),
      "Only one priority level is allowed when 'preserve_ordering' is true for m",
    ],
    [
      batching(
        "preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 }",
      ),
      "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
    ],
    [
      batching("preserve_ordering: true default_queue_policy { timeout_action: DELAY allow_timeout_override: true }"),
      null,
    ],
  ]);
});

Deno.test("validateAtPoll() checks the sequence batcher", () => {
  const control = (text: string) => `sequence_batching { control_input { name: "C" control { ${text} } } }`;
  const start = "kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ]";
  check(atPoll, [
    ["sequence_batching { }", null],
    ['sequence_batching { control_input { name: "C" } }', null],
    [control(`${start} data_type: TYPE_INT32`), null],
    [
      control("kind: CONTROL_SEQUENCE_START"),
      "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_START for m",
    ],
    [
      control(`${start} fp32_false_true: [ 0, 1 ]`),
      "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for CONTROL_SEQUENCE_START for m",
    ],
    [
      control("kind: CONTROL_SEQUENCE_READY bool_false_true: true"),
      "sequence batching control 'bool_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_READY for m",
    ],
    [
      `sequence_batching { control_input [ { name: "A" control { ${start} } }, { name: "B" control { ${start} } } ] }`,
      "sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m",
    ],
    [
      `sequence_batching { control_input [ { name: "A" }, { name: "A" } ] }`,
      "sequence batching control tensor 'A' is specified for multiple control kinds for m",
    ],
    [
      `sequence_batching { control_input { control { ${start} } } }`,
      "sequence batching control tensor must have a name for m",
    ],
    [
      control("kind: CONTROL_SEQUENCE_CORRID int32_false_true: [ 0, 1 ]"),
      "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_CORRID for m",
    ],
    [
      control("kind: CONTROL_SEQUENCE_CORRID"),
      "unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING",
    ],
    [control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING"), null],
    [
      "sequence_batching { direct { minimum_slot_utilization: 1.5 } }",
      "sequence batching minimum slot utilization must be in range (0.0, 1.0] for m",
    ],
    ["sequence_batching { direct { minimum_slot_utilization: 0 } }", null],
    [
      "max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: 8 } }",
      "sequence batching preferred batch size must be <= max batch size for m",
    ],
    ["max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: 4 max_candidate_sequences: 2 } }", null],
  ]);
});

Deno.test("validateAtPoll() checks the data flow of an ensemble", () => {
  const step = (input: string, output: string, model = "a") =>
    `step { model_name: "${model}" ${input && `input_map { key: "I" value: "${input}" }`} ` +
    `${output && `output_map { key: "O" value: "${output}" }`} }`;
  const ensemble = (steps: string, rest = "") =>
    `platform: "ensemble" input { name: "X" } output { name: "Y" } ensemble_scheduling { ${steps} } ${rest}`;
  check(atPoll, [
    [ensemble(step("X", "Y")), null],
    [ensemble(step("t", "Y") + step("X", "t")), null],
    [ensemble(""), "must specify 'step' for ensemble 'm'"],
    [ensemble(step("X", "Y", "")), "must specify 'model_name' in step 0 of ensemble 'm'"],
    [ensemble(step("X", "t") + step("", "Y")), "must specify 'input_map' in step 1 of ensemble 'm'"],
    [ensemble(step("X", "")), "must specify 'output_map' in step 0 of ensemble 'm'"],
    [
      ensemble(step("X", "Y") + step("X", "Y")),
      "ensemble tensor 'Y' can appear in an output map only once for ensemble 'm' step 1",
    ],
    [
      ensemble(step("X", "Y") + step("X", "X")),
      "ensemble tensor 'X' can appear in an output map only once for ensemble 'm' step 1, and not at all since it is an " +
      "input of the ensemble; give what the step writes another name",
    ],
    [ensemble(step("X", "Y") + step("X", "junk")), "ensemble tensor 'junk' is unused in ensemble 'm'"],
    [ensemble(step("other", "Y")), "ensemble input 'X' for ensemble m' is not used"],
    [ensemble(step("X", "other")), "ensemble output 'Y' for ensemble m' is not used"],
    [
      ensemble(step("X", "a") + step("b", "c") + step("c", "Y")),
      "output 'Y' for ensemble 'm' is not written: at least one of its depending tensors, 'b', is not connected",
    ],
    [
      ensemble(step("X", "a") + step("c", "b") + step("b", "c") + step("c", "Y")),
      "output 'Y' for ensemble 'm' is not written: at least one of its depending tensors, ",
    ],
    [ensemble(step("X", "Y"), "instance_group { }"), "instance group should not be specified for ensemble 'm'"],
    [ensemble(step("X", "Y"), "optimization { }"), "optimization should not be specified for ensemble 'm'"],
    [ensemble(step("X", "Y"), "model_warmup { }"), "model_warmup can not be specified for ensemble 'm'"],
  ]);
});

Deno.test("validateAtLoad() checks inputs and outputs", () => {
  const input = (text: string) => `max_batch_size: 4 input { name: "X" data_type: TYPE_FP32 ${text} }`;
  const dimension = "must be integer >= 1, or -1 to indicate a variable-size dimension for m";
  check(validateAtLoad, [
    [MODEL + MODEL.replace("max_batch_size: 4", ""), null],
    ["", null],
    ["input { data_type: TYPE_FP32 dims: 1 }", "model input must specify 'name' for m"],
    ['output { name: "Y" dims: 1 }', "model output 'Y' must specify 'data_type' for m"],
    [input(""), "model input 'X' must specify 'dims' for m"],
    [input("dims: 0"), `model input 'X' dimension ${dimension}`],
    ['output { name: "Y" data_type: TYPE_FP32 dims: -2 }', `model output 'Y' dimension ${dimension}`],
    [input("dims: 1 reshape { shape: 0 }"), `model input 'X' reshape dimensions ${dimension}`],
    [input("dims: 4 reshape { shape: 3 }"), "model input 'X' has different size for dims and reshape for m"],
    [input("dims: -1 reshape { shape: 3 }"), "model input 'X' has different size for dims and reshape for m"],
    [
      input("dims: [ 2, -1, 6 ] reshape { shape: [ 3, -1, 4 ] }"),
      "model input 'X' has different size for dims and reshape for m",
    ],
    [
      input("dims: [ -1, -1 ] reshape { shape: -1 }"),
      "model input 'X' has different number of variable-size dimensions for dims and reshape for m",
    ],
    [input("dims: [ 2, 4, -1, 6 ] reshape { shape: [ 8, -1, 1, 6 ] }"), null],
    [input("dims: 1 reshape { }"), null],
    [
      'input { name: "X" data_type: TYPE_FP32 dims: 1 reshape { } }',
      "model input 'X' cannot have empty reshape for non-batching model as scalar tensors are not supported for m",
    ],
    [input("dims: 1 format: FORMAT_NHWC"), "model input NHWC/NCHW require 3 dims for m"],
    [input("dims: [ 3, 4, 4 ] format: FORMAT_NCHW allow_ragged_batch: true optional: true"), null],
    [input("dims: 1 is_shape_tensor: true"), "shape tensors are only supported for TensorRT platform for m"],
    [
      input("dims: 1 is_non_linear_format_io: true"),
      "Non-linear IO format is only supported for the TensorRT platform for m",
    ],
  ]);
});

Deno.test("validateAtLoad() checks batch inputs and outputs", () => {
  const batchInput = (text: string) => `${MODEL} batch_input { kind: BATCH_ITEM_SHAPE ${text} }`;
  const batchOutput = (text: string) => `${MODEL} batch_output { ${text} }`;
  check(validateAtLoad, [
    [batchInput('data_type: TYPE_INT32 source_input: "X"'), null],
    [
      batchInput('data_type: TYPE_INT32 source_input: [ "X", "X" ]'),
      "batch input kind 'BATCH_ITEM_SHAPE' expects 1 source input, got 2 for m",
    ],
    [batchInput('source_input: "X"'), "batch input data type must be TYPE_INT32 or TYPE_FP32 for m"],
    [batchInput('data_type: TYPE_FP32 source_input: "Z"'), "unknown source input name 'Z' for m"],
    [
      batchOutput(""),
      "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0 for m",
    ],
    [batchOutput('source_input: "X" target_name: "Z"'), "unknown target output name 'Z' for m"],
    [
      batchOutput('source_input: "X" target_name: [ "Y", "Y" ]'),
      "target output name 'Y' can only be specified once for m",
    ],
    [batchOutput('source_input: "X" target_name: "Y"'), null],
  ]);
});

Deno.test("validateAtLoad() checks initial states, and refuses native batching libraries", () => {
  const state = (text: string) => `sequence_batching { state { input_name: "IS" dims: [ 1, -1 ] ${text} } }`;
  check(validateAtLoad, [
    [state(""), null],
    [state('initial_state { name: "i" dims: [ 1, 5 ] zero_data: true }'), null],
    [
      state("initial_state { dims: [ 1, 5 ] zero_data: true }"),
      "Field 'name' must be set when using initial_state for state input 'IS'.",
    ],
    [
      state('initial_state { name: "i" dims: [ 2, 5 ] zero_data: true }'),
      "'initial_state' dim for input name 'IS' doesn't match 'state' dim description. 2 != 1",
    ],
    [
      state('initial_state { name: "i" dims: [ 1, -1 ] zero_data: true }'),
      "'initial_state' field for state input name 'IS' contains variable dimensions.",
    ],
    [
      state('initial_state { name: "i" dims: 1 zero_data: true }'),
      "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input 'IS'. 1 != 2",
    ],
    [
      state('initial_state { name: "i" dims: [ 1, 5 ] }'),
      "initial_state setting expects state'IS' to have state_data set",
    ],
    [
      state('initial_state { name: "i" } initial_state { name: "j" }'),
      "initial_state field for state input 'IS' must contain exactly one or zero element. Found '2' elements.",
    ],
    ['parameters { key: "TRITON_BATCH_STRATEGY_PATH" }', "model m sets TRITON_BATCH_STRATEGY_PATH"],
  ]);
});
