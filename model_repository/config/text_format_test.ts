import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { DataType, type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { parseTextFormat } from "./text_format.ts";

const parse = (text: string): ModelConfig => parseTextFormat(ModelConfigSchema, text, "config.pbtxt");

function mistakeIn(text: string): string {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof Status, `${text}: ${error}`);
    assert.equal(error.code, "INVALID_ARGUMENT");
    return error.message;
  }
  assert.fail(`no mistake found in ${text}`);
}

Deno.test("parseTextFormat() reads messages with and without colon, in braces and angle brackets", () => {
  for (
    const text of ["response_cache { enable: true }", "response_cache: { enable: 1 }", "response_cache < enable: t >"]
  ) {
    assert.equal(parse(text).responseCache?.enable, true);
  }
});

Deno.test("parseTextFormat() reads repeated fields as lists, one by one, and mixed", () => {
  const config = parse(`
    input [ { name: "a" dims: [ -1, 3 ] }, { name: "b" dims: 1 dims: 0x10, dims: [ 017, - 2 ] } ]
    input { name: "c" dims: [] };
  `);
  assert.deepEqual(config.input.map((input) => input.name), ["a", "b", "c"]);
  assert.deepEqual(config.input.map((input) => input.dims), [[-1n, 3n], [1n, 16n, 15n, -2n], []]);
});

Deno.test("parseTextFormat() reads map entries, where the last of a key wins and what is left out has its default", () => {
  const config = parse(`
    # a comment
    parameters { key: "a" value { string_value: "1" } }  # and another
    parameters: [ { value: < string_value: "2" > key: "a" }, { key: "b" } ]
    metric_tags { }
    dynamic_batching { priority_queue_policy { key: 18446744073709551615 value { max_queue_size: 3 } } }
  `);
  assert.deepEqual(Object.entries(config.parameters).map(([key, value]) => [key, value.stringValue]), [["a", "2"], [
    "b",
    "",
  ]]);
  assert.deepEqual(config.metricTags, { "": "" });
  assert.equal(config.schedulingChoice.case, "dynamicBatching");
  assert.ok("priorityQueuePolicy" in config.schedulingChoice.value!);
  assert.equal(config.schedulingChoice.value.priorityQueuePolicy["18446744073709551615"].maxQueueSize, 3);
});

Deno.test("parseTextFormat() reads strings with every escape, joined where they are adjacent", () => {
  const cases: [string, string][] = [
    [`"a" 'b'\n "c"`, "abc"],
    [String.raw`"\a\b\f\n\r\t\v\\\'\"\?"`, "\x07\b\f\n\r\t\v\\'\"?"],
    [String.raw`"\101\x41\X41\0"`, "AAA\0"],
    [String.raw`"\303\251" "\xc3" "\xA9 é"`, "éé é"],
    [String.raw`"\u00e9\U0001F600\ud83d\ude00"`, "é😀😀"],
    [`'it says "x" # no comment'`, 'it says "x" # no comment'],
    ["'\uFEFF'", "\uFEFF"],
  ];
  for (const [text, expected] of cases) assert.equal(parse(`name: ${text}`).name, expected, text);
});

Deno.test("parseTextFormat() reads enums by name and by number", () => {
  assert.equal(parse("input { data_type: TYPE_FP32 }").input[0].dataType, DataType.TYPE_FP32);
  assert.equal(parse("input { data_type: 13 }").input[0].dataType, DataType.TYPE_STRING);
});

Deno.test("parseTextFormat() reads floats, rounded to single precision where the field is", () => {
  const config = parse(`
    model_metrics { metric_control { histogram_options { buckets: [ 0.1, -1e5, .5f, 2F, inf, -Infinity, 3. ] } } }
    sequence_batching { direct { minimum_slot_utilization: 0.1 } }
  `);
  const options = config.modelMetrics!.metricControl[0].metricOptions;
  assert.deepEqual(options.value?.buckets, [0.1, -1e5, 0.5, 2, Infinity, -Infinity, 3]);
  assert.ok("strategyChoice" in config.schedulingChoice.value!);
  const strategy = config.schedulingChoice.value.strategyChoice;
  assert.equal(strategy.case === "direct" && strategy.value.minimumSlotUtilization, Math.fround(0.1));
});

Deno.test("parseTextFormat() takes the limits of 64-bit integers and refuses what is beyond", () => {
  assert.deepEqual(parse("input { dims: [ 9223372036854775807, -9223372036854775808 ] }").input[0].dims, [
    9223372036854775807n,
    -9223372036854775808n,
  ]);
  assert.match(mistakeIn("input { dims: 9223372036854775808 }"), /Integer out of range \(9223372036854775808\)/);
  assert.match(mistakeIn("max_batch_size: -2147483649"), /Integer out of range \(-2147483649\)/);
});

const MISTAKES: [text: string, expected: string][] = [
  [
    'input [\n  { name: "x"\n    datatype: TYPE_FP32 } ]',
    `config.pbtxt:3:5: Message type "inference.ModelInput" has no field named "datatype". (in 'input[0]': did you mean 'data_type'?)`,
  ],
  [
    "input { } input { shape: [1] }",
    `config.pbtxt:1:19: Message type "inference.ModelInput" has no field named "shape". (in 'input[1]': did you mean 'dims'?)`,
  ],
  [
    "inputs { }",
    `config.pbtxt:1:1: Message type "inference.ModelConfig" has no field named "inputs". (did you mean 'input'?)`,
  ],
  [
    "maxBatchSize: 3",
    `config.pbtxt:1:1: Message type "inference.ModelConfig" has no field named "maxBatchSize". (did you mean 'max_batch_size'?)`,
  ],
  [
    "gpus: [0]",
    `config.pbtxt:1:1: Message type "inference.ModelConfig" has no field named "gpus". ('gpus' goes inside instance_group { … })`,
  ],
  [
    'input {\n name: "x"\noutput { }',
    `config.pbtxt:3:1: Message type "inference.ModelInput" has no field named "output". (in 'input[0]': 'output' is a field of the whole configuration; close the '{' of line 1 before it)`,
  ],
  [
    "response_cache { constructor: 1 }",
    `config.pbtxt:1:18: Message type "inference.ModelResponseCache" has no field named "constructor". (in 'response_cache': expected one of enable)`,
  ],
  [
    'metric_tags { k: "v" }',
    `config.pbtxt:1:15: Message type "inference.ModelConfig.MetricTagsEntry" has no field named "k". (in 'metric_tags[0]': expected one of key, value)`,
  ],
  [
    "input { data_type: FP32 }",
    `config.pbtxt:1:20: Unknown enumeration value of "FP32" for field "data_type". (in 'input[0].data_type': did you mean 'TYPE_FP32'?)`,
  ],
  [
    "input { data_type: BYTES }",
    `config.pbtxt:1:20: Unknown enumeration value of "BYTES" for field "data_type". (in 'input[0].data_type': did you mean 'TYPE_STRING'?)`,
  ],
  [
    "instance_group { kind: 9 }",
    `config.pbtxt:1:24: Unknown enumeration value of "9" for field "kind". (in 'instance_group[0].kind': expected one of KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL)`,
  ],
  [
    'input { data_type: "TYPE_FP32" }',
    `config.pbtxt:1:20: Expected integer or identifier, got: "TYPE_FP32" (in 'input[0].data_type': write TYPE_FP32 without quotes)`,
  ],
  [
    'max_batch_size: "8"',
    `config.pbtxt:1:17: Expected integer, got: "8" (in 'max_batch_size': write 8 without quotes)`,
  ],
  [
    "max_batch_size: 8.0",
    `config.pbtxt:1:17: Expected integer, got: 8.0 (in 'max_batch_size': expected a whole number)`,
  ],
  [
    "dynamic_batching { max_queue_delay_microseconds: -1 }",
    `config.pbtxt:1:50: Expected integer, got: - (in 'dynamic_batching.max_queue_delay_microseconds': expected an integer from 0 to 18446744073709551615)`,
  ],
  ["name: simple", `config.pbtxt:1:7: Expected string, got: simple (in 'name': write "simple")`],
  ['name: ["a"]', `config.pbtxt:1:7: Expected string, got: [ (in 'name': this field takes one value, not a list)`],
  [
    "response_cache { enable: yes }",
    `config.pbtxt:1:26: Invalid value for boolean field "enable". Value: "yes". (in 'response_cache.enable': expected true or false)`,
  ],
  [
    "max_batch_size = 8",
    `config.pbtxt:1:16: Expected ":", found "=". (in 'max_batch_size': a ':' goes between a field and its value)`,
  ],
  [
    "version_policy: latest",
    `config.pbtxt:1:17: Expected "{", found "latest". (in 'version_policy': write version_policy { latest { … } })`,
  ],
  [
    'parameters { key: "a" value: "b" }',
    `config.pbtxt:1:30: Expected "{", found ""b"". (in 'parameters[0].value': write value { string_value: "b" })`,
  ],
  [
    "input { reshape: [ 1, 2 ] }",
    `config.pbtxt:1:18: Expected "{", found "[". (in 'input[0].reshape': write reshape { shape: [ … ] })`,
  ],
  [
    'parameters { "a": "b" }',
    `config.pbtxt:1:14: Expected identifier, got: "a" (in 'parameters[0]': write { key: "a" value: … })`,
  ],
  [
    "input { dims: 3, 4 }",
    `config.pbtxt:1:18: Expected identifier, got: 4 (in 'input[0]': put the elements of a list into brackets, with commas between: [ 1, 2 ])`,
  ],
  ["input { dims: [ 3 4 ] }", `config.pbtxt:1:19: Expected "]", found "4". (in 'input[0].dims': expected ',' or ']')`],
  [
    "input { dims: [ 3, ] }",
    `config.pbtxt:1:20: Expected integer, got: ] (in 'input[0].dims[1]': expected a whole number)`,
  ],
  ["}", `config.pbtxt:1:1: Expected identifier, got: } (there is no open bracket that this '}' could close)`],
  [
    '{ "name": "x" }',
    `config.pbtxt:1:1: Expected identifier, got: { (this looks like JSON; the format is protobuf text: names without quotes, as in max_batch_size: 8)`,
  ],
  ['// c\nname: "x"', `config.pbtxt:1:1: Expected identifier, got: / (comments start with '#')`],
  [
    "\uFEFFoutput {\n dims: [ 1\n",
    `config.pbtxt:3:1: Expected "]", found the end of the file. (in 'output[0].dims': the file ends before the '[' opened in line 2 is closed)`,
  ],
  [
    "output {",
    `config.pbtxt:1:9: Expected identifier, got: the end of the file (in 'output[0]': the file ends before the '{' opened in line 1 is closed)`,
  ],
  [
    'name: "a"\nname: "b"',
    `config.pbtxt:2:1: Non-repeated field "name" is specified multiple times. (in 'name': it was given in line 1 before; keep one of the two)`,
  ],
  [
    "dynamic_batching { }\nsequence_batching { }",
    `config.pbtxt:2:1: Field "sequence_batching" is specified along with field "dynamic_batching", another member of oneof "scheduling_choice". (in 'sequence_batching': keep one of the two; the other is in line 1)`,
  ],
  [
    'name: "a\nb"',
    `config.pbtxt:1:7: String literals cannot cross line boundaries. (close the string with " on the same line)`,
  ],
  [`name: 'a`, `config.pbtxt:1:7: Unexpected end of string. (close the string with ' on the same line)`],
  [
    String.raw`name: "a" "b\q"`,
    String.raw`config.pbtxt:1:13: Invalid escape sequence in string literal. (in 'name': write a backslash as \\)`,
  ],
  [String.raw`name: "\377"`, `config.pbtxt:1:7: String field "name" contains invalid UTF-8 data. (in 'name')`],
  ["max_batch_size: 08", "config.pbtxt:1:17: Numbers starting with leading zero must be in octal."],
  ["max_batch_size: 0x", 'config.pbtxt:1:17: "0x" must be followed by hex digits.'],
  ["max_batch_size: 1e", 'config.pbtxt:1:17: "e" must be followed by exponent.'],
  ["\u0001", "config.pbtxt:1:1: Invalid control characters encountered in text."],
];

Deno.test("parseTextFormat() names place, field and remedy of a mistake", () => {
  for (const [text, expected] of MISTAKES) assert.equal(mistakeIn(text), expected, text);
});

Deno.test("parseTextFormat() throws nothing but Status, whatever the text", () => {
  const seed = `name: "a\\303\\251" max_batch_size: 8 # c
input [ { name: 'x' data_type: TYPE_FP32 dims: [ -1, 0x7 ] reshape { shape: [] } } ]
parameters { key: "k" value: { string_value: "v" } } metric_tags < key: "t" value: "u" >
sequence_batching { direct { minimum_slot_utilization: .5f } control_input [ { control [ { bool_false_true: [ false, t ] } ] } ] }`;
  const pieces = [..."{}[]<>:,;-#\n\"'\\ 019.", "inf", "nan", "constructor", "__proto__", "\\u", "😀", "\ud800", "\0"];
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  let failed = 0;
  for (let round = 0; round < 2000; round++) {
    let text = seed;
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const at = random(text.length);
      text = text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(6));
    }
    try {
      parse(text);
    } catch (error) {
      assert.ok(error instanceof Status, `${JSON.stringify(text)}: ${error}`);
      failed++;
    }
  }
  assert.ok(failed > 1000, `only ${failed} of the texts were wrong`);
});
