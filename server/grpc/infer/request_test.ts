import assert from "node:assert/strict";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "../../../proto/gen/grpc_service_pb.ts";
import { forwardHeaders } from "./parameters.ts";
import { toInferenceRequest } from "./request.ts";
import { readInferRequest } from "./request_reader.ts";

type Init = MessageInitShape<typeof ModelInferRequestSchema>;
type Parameters = NonNullable<Init["parameters"]>;

function translate(init: Init) {
  return toInferenceRequest(readInferRequest(toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init))));
}

const int64 = (value: bigint) => ({ parameterChoice: { case: "int64Param" as const, value } });
const uint64 = (value: bigint) => ({ parameterChoice: { case: "uint64Param" as const, value } });
const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
const bool = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
const double = (value: number) => ({ parameterChoice: { case: "doubleParam" as const, value } });

const raw = new Uint8Array([1, 0, 0, 0]);
const input = { name: "I", datatype: "INT32", shape: [1n] };
const region = (extra: Parameters = {}) => ({
  shared_memory_region: text("r"),
  shared_memory_byte_size: int64(4n),
  ...extra,
});

Deno.test("toInferenceRequest() takes over ids, tensors and outputs", () => {
  const { request, classes } = translate({
    modelName: "M",
    modelVersion: "2",
    id: "x",
    inputs: [input, { ...input, name: "J" }],
    outputs: [{ name: "O" }],
    rawInputContents: [raw, new Uint8Array([2, 0, 0, 0]), raw], // what is too many is ignored
  });
  assert.equal(request.modelName, "M");
  assert.equal(request.modelVersion, "2");
  assert.equal(request.id, "x");
  assert.deepEqual(request.inputs.map(({ name, shape, data }) => [name, shape, data[0]]), [["I", [1], 1], [
    "J",
    [1],
    2,
  ]]);
  assert.deepEqual(request.outputs, ["O"]);
  assert.equal(classes, undefined);
});

Deno.test("toInferenceRequest() gives parameters with a meaning their places", () => {
  const { request } = translate({
    parameters: {
      sequence_id: int64(5n),
      sequence_start: bool(true),
      sequence_end: bool(true),
      priority: uint64(3n),
      timeout: int64(1000n),
      triton_enable_empty_final_response: bool(true),
      a: int64(2n ** 60n),
      b: double(0.5),
      c: text("x"),
      d: bool(false),
    },
  });
  assert.equal(request.correlationId, 5);
  assert.equal(request.sequenceStart, true);
  assert.equal(request.sequenceEnd, true);
  assert.equal(request.priority, 3);
  assert.equal(request.timeoutMicros, 1000);
  assert.deepEqual(
    [...request.parameters!].sort(),
    [["a", 2n ** 60n], ["b", 0.5], ["c", "x"], ["d", false]],
  );
});

Deno.test("toInferenceRequest() reads sequence ids as text, and negative ones as unsigned", () => {
  assert.equal(translate({ parameters: { sequence_id: text("abc") } }).request.correlationId, "abc");
  assert.equal(translate({ parameters: { sequence_id: int64(-1n) } }).request.correlationId, 2n ** 64n - 1n);
});

const WRONG_PARAMETERS: [parameters: Parameters, message: string | RegExp, code?: string][] = [
  [
    { sequence_id: bool(true) },
    "invalid value type for 'sequence_id' parameter, expected int64_param or string_param.",
  ],
  [{ sequence_id: text("x".repeat(129)) }, /^string correlation ID cannot be longer than 128/, "UNSUPPORTED"],
  [{ sequence_start: int64(1n) }, "invalid value type for 'sequence_start' parameter, expected bool_param."],
  [{ priority: text("1") }, "invalid value type for 'priority' parameter, expected int64_param or uint64_param."],
  [{ priority: int64(-1n) }, "invalid value for 'priority', expected value >= 0."],
  [{ timeout: uint64(1n) }, "invalid value type for 'timeout' parameter, expected int64_param."],
  [{ timeout: int64(-1n) }, /^invalid value for 'timeout', expected value >= 0/],
  [{ triton_x: int64(1n) }, /^parameter keys starting with 'triton_' are reserved for Triton usage\. Only/],
  [{ x: uint64(1n) }, "invalid value type for 'x' parameter, expected int64_param, bool_param, or string_param."],
  [{ x: {} }, "invalid value type for 'x' parameter, expected int64_param, bool_param, or string_param."],
];

for (const [parameters, message, code = "INVALID_ARGUMENT"] of WRONG_PARAMETERS) {
  const [[key, value]] = Object.entries(parameters);
  const kind = value.parameterChoice?.case ?? "nothing";
  Deno.test(`toInferenceRequest() refuses ${key} given as ${kind}`, () => {
    assert.throws(() => translate({ parameters }), { code, message });
  });
}

const WRONG_TENSORS: [what: string, init: Init, message: string | RegExp, code?: string][] = [
  [
    "contents beside raw contents",
    { inputs: [{ ...input, contents: { intContents: [1] } }], rawInputContents: [raw] },
    "contents field must not be specified when using raw_input_contents for 'I' for model 'M'",
  ],
  [
    "an input without data",
    { inputs: [input, { ...input, name: "J" }], rawInputContents: [raw] },
    "unable to find data for input tensor 'J' for model 'M' in request.",
  ],
  [
    "an unknown datatype",
    { inputs: [{ ...input, datatype: "int32" }], rawInputContents: [raw] },
    /^invalid datatype for input I: 'int32' is none of BOOL, /,
  ],
  [
    "an unknown region",
    { inputs: [{ ...input, parameters: region() }] },
    "Unable to find shared memory region: 'r'",
    "NOT_FOUND",
  ],
  [
    "a region with contents",
    { inputs: [{ ...input, parameters: region(), contents: { intContents: [1] } }] },
    "unexpected 'content' provided when using shared memory for input tensor 'I' for model 'M'",
  ],
  [
    "a region without a size",
    { inputs: [{ ...input, parameters: { shared_memory_region: text("r") } }] },
    "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'I'",
  ],
  [
    "a region that is no text",
    { inputs: [{ ...input, parameters: region({ shared_memory_region: int64(3n) }) }] },
    "invalid value type for 'shared_memory_region' parameter for tensor 'I', expected string_param.",
  ],
  [
    "a region's offset that is text",
    { inputs: [{ ...input, parameters: region({ shared_memory_offset: text("3") }) }] },
    "invalid value type for 'shared_memory_offset' parameter for tensor 'I', expected int64_param.",
  ],
  [
    "an unknown region for an output",
    { outputs: [{ name: "O", parameters: region() }] },
    "Unable to find shared memory region: 'r'",
    "NOT_FOUND",
  ],
  [
    "a region for classes",
    { outputs: [{ name: "O", parameters: region({ classification: int64(1n) }) }] },
    "output can't set both 'shared_memory_region' and 'classification'",
  ],
  [
    "classification that is text",
    { outputs: [{ name: "O", parameters: { classification: text("1") } }] },
    "invalid value type for 'classification' parameter, expected int64_param",
  ],
  [
    "classification of no classes",
    { outputs: [{ name: "O", parameters: { classification: int64(0n) } }] },
    "invalid value for 'classification' parameter, expected >= 0",
  ],
];

for (const [what, init, message, code = "INVALID_ARGUMENT"] of WRONG_TENSORS) {
  Deno.test(`toInferenceRequest() refuses ${what}`, () => {
    assert.throws(() => translate({ modelName: "M", ...init }), { code, message });
  });
}

Deno.test("toInferenceRequest() notes the outputs wanted as classes", () => {
  const { request, classes } = translate({
    outputs: [{ name: "A", parameters: { classification: int64(3n) } }, { name: "B" }],
  });
  assert.deepEqual(request.outputs, ["A", "B"]);
  assert.deepEqual(classes, new Map([["A", 3]]));
});

Deno.test("forwardHeaders() makes text parameters of matching metadata, which win", () => {
  const { request } = translate({ parameters: { "x-a": int64(1n), b: int64(2n) } });
  forwardHeaders(request, new Headers({ "x-a": "one", "y": "no" }), /^x-/);
  assert.deepEqual(request.parameters, new Map<string, unknown>([["x-a", "one"], ["b", 2]]));
});

Deno.test("forwardHeaders() refuses names of parameters with a meaning", () => {
  const { request } = translate({});
  for (const name of ["sequence_id", "triton_x"]) {
    assert.throws(() => forwardHeaders(request, new Headers({ [name]: "1" }), /_/), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(`^header '${name}'`),
    });
  }
});
