import assert from "node:assert/strict";
import { configFromJson, configToJson, readConfig } from "./mod.ts";

const json = (text: string): string => configToJson(readConfig("config.pbtxt", text));

Deno.test("configToJson() shows scalars, lists and maps at their defaults, and no unset message", () => {
  assert.equal(
    json("input { } "),
    '{"name":"","platform":"","backend":"","runtime":"","max_batch_size":0,"input":[{"name":"","data_type":"TYPE_INVALID",' +
      '"format":"FORMAT_NONE","dims":[],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,' +
      '"is_non_linear_format_io":false}],"output":[],"batch_input":[],"batch_output":[],"instance_group":[],' +
      '"default_model_filename":"","cc_model_filenames":{},"metric_tags":{},"parameters":{},"model_warmup":[]}',
  );
});

Deno.test("configToJson() shows messages that are set though empty, and only the chosen member of a oneof", () => {
  const shown = JSON.parse(json(`
    output { reshape { } }
    model_warmup { inputs { key: "x" value { zero_data: true dims: 2 } } inputs { key: "y" value { } } }
    dynamic_batching { priority_queue_policy { key: 2 value { timeout_action: DELAY } } }
  `));
  assert.deepEqual(shown.output[0].reshape, { shape: [] });
  assert.deepEqual(shown.model_warmup[0].inputs, {
    x: { data_type: "TYPE_INVALID", dims: [2], zero_data: true },
    y: { data_type: "TYPE_INVALID", dims: [] },
  });
  assert.deepEqual(shown.dynamic_batching.priority_queue_policy, {
    "2": {
      timeout_action: "DELAY",
      default_timeout_microseconds: 0,
      allow_timeout_override: false,
      max_queue_size: 0,
    },
  });
  assert.ok(!("sequence_batching" in shown) && !("default_queue_policy" in shown.dynamic_batching));
});

Deno.test("configToJson() gives 64-bit integers as numbers with all digits, and floats with the shortest", () => {
  const text = json(`
    input { dims: [ -1, 9223372036854775807 ] }
    sequence_batching { direct { minimum_slot_utilization: 0.1 } max_sequence_idle_microseconds: 18446744073709551615 }
    model_metrics { metric_control { histogram_options { buckets: [ 0.1, 1e300, inf, -inf, nan ] } } }
  `);
  assert.match(text, /"dims":\[-1,9223372036854775807\]/);
  assert.match(text, /"minimum_slot_utilization":0\.1[,}]/);
  assert.match(text, /"max_sequence_idle_microseconds":18446744073709551615,/);
  assert.match(text, /"buckets":\[0\.1,1e\+300,"Infinity","-Infinity","NaN"\]/);
});

Deno.test("configFromJson() reads back what configToJson() shows, digit by digit", () => {
  const text = json(`
    name: "m" max_batch_size: 4 version_policy { specific { versions: [ 1, 9007199254740993 ] } }
    input { name: "x" data_type: TYPE_STRING dims: [ 9223372036854775807 ] format: FORMAT_NCHW }
    parameters { key: "__proto__" value { string_value: "é\\"" } }
    instance_group { kind: KIND_CPU count: 2 }
    sequence_batching { oldest { max_candidate_sequences: 3 } }
  `);
  assert.equal(configToJson(configFromJson(text)), text);
});

Deno.test("configFromJson() takes camelCase names and 64-bit integers as strings", () => {
  const config = configFromJson('{"maxBatchSize": 2, "input": [{"dims": ["-1", 3], "data_type": 11}]}');
  assert.equal(config.maxBatchSize, 2);
  assert.deepEqual(config.input[0].dims, [-1n, 3n]);
});

Deno.test("configFromJson() says what is wrong with an override, and where", () => {
  const cases: [string, string | RegExp][] = [
    ['{"foo": 1}', "Invalid config override: foo: Cannot find field."],
    ['{"constructor": 1}', "Invalid config override: constructor: Cannot find field."],
    [
      '{"input": [{}, {"datatype": 1}]}',
      "Invalid config override: input[1].datatype: Cannot find field. Did you mean 'data_type'?",
    ],
    [
      '{"dynamic_batching": {"priority_queue_policy": {"1": {"max_queue_siz": 1}}}}',
      "Invalid config override: dynamic_batching.priority_queue_policy[1].max_queue_siz: Cannot find field. " +
      "Did you mean 'max_queue_size'?",
    ],
    [
      '{"input": [{"data_type": "FP32"}]}',
      `Invalid config override: input[0].data_type: invalid value "FP32" for an enumeration. Did you mean 'TYPE_FP32'?`,
    ],
    ['{"max_batch_size": "x"}', /^Invalid config override: .*max_batch_size.*got "x"$/],
    ['{"dynamic_batching": {}, "sequence_batching": {}}', /^Invalid config override: .*scheduling_choice.*multiple/],
    ['{"max_batch_size": 1', /^Invalid config override: .*JSON/],
    [
      "[]",
      "Invalid config override: the root must be a JSON object with the fields of the model configuration",
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => configFromJson(text), { name: "Status", code: "INVALID_ARGUMENT", message }, text);
  }
});
