import assert from "node:assert/strict";
import type { InferenceRequest } from "../../core/inference.ts";
import { identityModel, simpleModel } from "../testing/fake_repository.ts";
import { call, mixedBody, simpleRequest, testApp } from "./testing.ts";

const app = testApp([simpleModel(), identityModel("identity_fp32", "FP32")]);
const INPUT = '{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[1]}';

async function errorOf(body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>): Promise<string> {
  const { status, json } = await call(app, "POST", "/v2/models/simple/infer", body, headers);
  assert.equal(status, 400, json.error);
  return json.error;
}

/** The request that reaches a model. */
async function received(parameters: string, headers: Record<string, string> = {}, pattern?: RegExp) {
  const model = identityModel("m", "FP32");
  const own = testApp([model], pattern === undefined ? {} : { headerForwardPattern: pattern });
  const answer = await call(
    own,
    "POST",
    "/v2/models/m/infer",
    `{"inputs":[${INPUT}],"parameters":${parameters}}`,
    headers,
  );
  return { ...answer, request: model.received[0] as InferenceRequest | undefined };
}

Deno.test("a request's parameters with a meaning become its fields", async () => {
  const { request } = await received(
    '{"sequence_id":18446744073709551615,"sequence_start":true,"sequence_end":false,"priority":2,"timeout":5000000}',
  );
  assert.equal(request?.correlationId, 18446744073709551615n);
  assert.deepEqual(
    [request.sequenceStart, request.sequenceEnd, request.priority, request.timeoutMicros, request.parameters],
    [true, false, 2, 5000000, undefined],
  );
  assert.equal((await received('{"sequence_id":"abc"}')).request?.correlationId, "abc");
});

Deno.test("a request's other parameters go to the model with their types", async () => {
  const { request } = await received('{"s":"x","b":true,"i":-3,"big":9007199254740993,"d":2.5,"one":1.0,"huge":1e300}');
  assert.deepEqual([...request!.parameters!], [
    ["s", "x"],
    ["b", true],
    ["i", -3],
    ["big", 9007199254740993n],
    ["d", 2.5],
    ["one", 1],
    ["huge", 1e300],
  ]);
});

Deno.test("a request's parameters are read exactly in a document without fractions", async () => {
  const { request } = await received('{"big":-9007199254740993}');
  assert.equal(request?.parameters?.get("big"), -9007199254740993n);
  const { status, json } = await received('{"huge":1e400}');
  assert.equal(status, 400);
  assert.match(json.error, /Number too big to be stored in double/);
});

Deno.test("a request's parameters of a wrong type or a reserved name are refused", async () => {
  for (
    const [parameters, error, status] of [
      ['{"sequence_id":-5}', "Unable to parse 'sequence_id': attempt to access JSON non-string as string"],
      ['{"sequence_id":1.5}', "Unable to parse 'sequence_id': attempt to access JSON non-string as string"],
      ['{"sequence_start":1}', "Unable to parse 'sequence_start': attempt to access JSON non-boolean as boolean"],
      [
        '{"priority":-1}',
        "Unable to parse 'priority': attempt to access JSON non-unsigned-integer as unsigned-integer",
      ],
      ['{"timeout":1.0}', "Unable to parse 'timeout': attempt to access JSON non-unsigned-integer as unsigned-integer"],
      [
        '{"binary_data_output":1}',
        "Unable to parse 'binary_data_output': attempt to access JSON non-boolean as boolean",
      ],
      ['{"x":{}}', "parameter 'x' has invalid type. It should be either 'int', 'bool', or 'string'."],
      ['{"x":null}', "parameter 'x' has invalid type. It should be either 'int', 'bool', or 'string'."],
      ['{"triton_x":1}', "parameter keys starting with 'triton_' are reserved for Triton usage"],
      ["[1]", "failed to get request params.: attempt to get members for non-object"],
      [`{"sequence_id":"${"x".repeat(129)}"}`, "string correlation ID cannot be longer than 128 characters", 501],
    ] as const
  ) {
    const answer = await received(parameters);
    assert.equal(answer.status, status ?? 400, parameters);
    assert.ok(answer.json.error.startsWith(error), answer.json.error);
    assert.equal(answer.request, undefined);
  }
});

Deno.test("headers that match become parameters and win over those of the JSON", async () => {
  const { request } = await received('{"my_header":"json","k":1}', {
    my_header: "header",
    "x-my_other": "2",
    other: "3",
  }, /my_/i);
  assert.deepEqual([...request!.parameters!], [["my_header", "header"], ["k", 1], ["x-my_other", "2"]]);
  for (const name of ["sequence_id", "triton_x"]) {
    const refused = await received("{}", { [name]: "1" }, /.*/);
    assert.equal(refused.status, 400);
    assert.match(refused.json.error, /reserved/);
  }
});

Deno.test("JSON that is malformed or has wrong types is refused with Triton's text", async () => {
  const input = (changes: Record<string, unknown>) =>
    JSON.stringify({ inputs: [{ name: "INPUT0", shape: [1, 16], datatype: "INT32", data: [1], ...changes }] });
  for (
    const [body, error] of [
      ["hello", "failed to parse the request JSON buffer: Invalid value. at 0"],
      ["{}", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
      ['"x"', "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
      ["null", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"],
      ['{"inputs":{}}', "Unable to parse 'inputs': attempt to access JSON non-array as array"],
      ['{"inputs":[1]}', "Input must set only one of the following fields"],
      [simpleRequest({ id: null }), "Unable to parse 'id': attempt to access JSON non-string as string"],
      [simpleRequest({ outputs: {} }), "Unable to parse 'outputs': attempt to access JSON non-array as array"],
      [simpleRequest({ outputs: [{}] }), "Unable to parse 'name': attempt to access non-existing object member 'name'"],
      [input({ name: undefined }), "Unable to parse 'name': attempt to access non-existing object member 'name'"],
      [input({ name: 1 }), "Unable to parse 'name': attempt to access JSON non-string as string"],
      [input({ shape: undefined }), "Unable to parse 'shape': attempt to access non-existing object member 'shape'"],
      [input({ shape: 16 }), "Unable to parse 'shape': attempt to access JSON non-array as array"],
      [
        input({ shape: [1, -1] }),
        "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-int",
      ],
      [input({ shape: ["1"] }), "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-int"],
      [
        '{"inputs":[{"name":"A","datatype":"INT32","data":[1],"shape":[1.0]}]}',
        "Unable to parse 'shape': attempt to access",
      ],
      [input({ datatype: "INT33" }), "invalid datatype for input INPUT0"],
      [input({ data: { a: 1 } }), "Unable to parse 'data': attempt to access JSON non-array as array"],
      [
        input({}),
        "Unable to parse 'data': Shape does not match true shape of 'data' field (input 'INPUT0' of shape [1,16] has",
      ],
      [
        input({ data: undefined }),
        "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But no field is set",
      ],
      [
        input({ parameters: { binary_data_size: 4 } }),
        "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But set 'data' 'binary_data_size'",
      ],
      [
        input({ data: undefined, parameters: { binary_data_size: "4" } }),
        "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer",
      ],
      [
        simpleRequest({ outputs: [{ name: "OUTPUT0", parameters: { binary_data: 1 } }] }),
        "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean",
      ],
      [
        simpleRequest({ outputs: [{ name: "OUTPUT0", parameters: { classification: -1 } }] }),
        "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
      ],
    ]
  ) {
    const got = await errorOf(body);
    assert.ok(got.startsWith(error), `${body}\n${got}`);
  }
});

Deno.test("shapes that no tensor has are refused before anything is allocated", async () => {
  const request = (shape: string) => `{"inputs":[{"name":"INPUT0","shape":${shape},"datatype":"INT32","data":[1]}]}`;
  assert.match(await errorOf(request("[4611686018427387904,4]")), /total element count to exceed maximum size/);
  assert.match(await errorOf(request("[9223372036854775808]")), /contains one or more invalid dimensions/);
  assert.match(
    await errorOf(request("[1099511627776]")),
    /^JSON input 'INPUT0' has a byte_size \(4398046511104 bytes\)/,
  );
});

Deno.test("shared memory regions are unknown", async () => {
  const region = { shared_memory_region: "r", shared_memory_byte_size: 64 };
  const input = JSON.stringify({ inputs: [{ name: "INPUT0", shape: [1, 16], datatype: "INT32", parameters: region }] });
  const output = (more: Record<string, unknown>) =>
    simpleRequest({ outputs: [{ name: "OUTPUT0", parameters: { ...region, ...more } }] });
  for (
    const [body, status, error] of [
      [input, 404, "Unable to find shared memory region: 'r'"],
      [output({}), 404, "Unable to find shared memory region: 'r'"],
      [output({ binary_data: true }), 400, "Output can't set both 'shared_memory_region' and 'binary_data'"],
      [output({ classification: 1 }), 400, "Output can't set both 'shared_memory_region' and 'classification'"],
    ] as const
  ) {
    const answer = await call(app, "POST", "/v2/models/simple/infer", body);
    assert.deepEqual([answer.status, answer.json.error], [status, error]);
  }
});

Deno.test("binary data has to be as long as the inputs say", async () => {
  const request = (size: unknown) => ({
    inputs: [{ name: "INPUT0", shape: [1, 16], datatype: "INT32", parameters: { binary_data_size: size } }],
  });
  assert.equal(
    await errorOf(...mixedBody(request(64), new Uint8Array(60))),
    "unexpected size for input 'INPUT0', expecting 4 additional bytes for model 'simple'",
  );
  assert.equal(
    await errorOf(...mixedBody(request(64), new Uint8Array(65))),
    "unexpected additional input data for model 'simple'",
  );
  assert.equal(
    await errorOf(JSON.stringify(request(64))),
    "unexpected size for input 'INPUT0', expecting 64 additional bytes for model 'simple'",
  );
  assert.match(
    await errorOf(
      `{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"INT32","parameters":{"binary_data_size":18446744073709551615}}]}`,
    ),
    /expecting 18446744073709551615 additional bytes/,
  );
});

Deno.test("Inference-Header-Content-Length takes digits within the body, nothing else", async () => {
  const body = simpleRequest();
  const answer = (value: string) =>
    call(app, "POST", "/v2/models/simple/infer", body, { "inference-header-content-length": value });
  assert.equal((await answer(String(body.length))).status, 200);
  assert.equal((await answer(`0${body.length}`)).status, 200);
  for (const value of ["abc", "79x", "+79", "1.5", "", "0x10"]) {
    const { status, json } = await answer(value);
    assert.equal(status, 400);
    assert.ok(json.error.startsWith(`Unable to parse Inference-Header-Content-Length, got: ${value}`), json.error);
  }
  for (const value of ["-1", String(body.length + 1), "99999999999999999999"]) {
    const { status, json } = await answer(value);
    assert.deepEqual([status, json.error], [
      400,
      `inference header size should be in range (0, ${body.length}), got: ${value}`,
    ]);
  }
});
