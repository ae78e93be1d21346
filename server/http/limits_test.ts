import assert from "node:assert/strict";
import zlib from "node:zlib";
import { identityModel } from "../testing/fake_repository.ts";
import { call, mixedBody, testApp } from "./testing.ts";

const LIMIT = 1000;
const PATH = "/v2/models/identity_fp32/infer";
const app = testApp([identityModel("identity_fp32", "FP32")], { maxInputSize: LIMIT });

function request(count: number, changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    inputs: [{ name: "INPUT0", shape: [count], datatype: "FP32", data: new Array(count).fill(1), ...changes }],
  });
}

/** Sends a body in chunks, without its length. */
async function chunked(chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<{ status: number; error: string }> {
  const answer = await app.request(PATH, { method: "POST", body: ReadableStream.from(chunks) });
  return { status: answer.status, error: (await answer.json()).error };
}

async function* repeat(chunk: Uint8Array<ArrayBuffer>, times: number) {
  for (let i = 0; i < times; i++) yield await Promise.resolve(chunk);
}

Deno.test("infer limits JSON, raw requests and what decompresses, and names the option", async () => {
  for (
    const [body, headers, error] of [
      [
        request(1) + " ".repeat(LIMIT),
        {},
        /^request JSON size of 10\d\d bytes exceeds the maximum allowed input size of 1000/,
      ],
      ["x".repeat(1001), { "inference-header-content-length": "0" }, /^Raw input has a byte_size \(1001 bytes\)/],
      [request(260), { "inference-header-content-length": "0" }, /^Raw input|^\[request id/],
    ] as const
  ) {
    const { status, json } = await call(app, "POST", PATH, body, headers);
    assert.equal(status, 400);
    assert.match(json.error, error);
  }
  const bomb = new Uint8Array(zlib.gzipSync(new Uint8Array(100_000)));
  const { status, json } = await call(app, "POST", PATH, bomb, { "content-encoding": "gzip" });
  assert.equal(status, 400);
  assert.match(json.error, /^decompressed request size exceeds .* of 1000 bytes. Use --http-max-input-size/);
});

Deno.test("infer limits the data of one JSON input by its shape, before it is allocated", async () => {
  const { status, json } = await call(app, "POST", PATH, request(1, { shape: [251] }));
  assert.equal(status, 400);
  assert.match(json.error, /^JSON input 'INPUT0' has a byte_size \(1004 bytes\) that exceeds/);
});

Deno.test("infer does not limit binary tensors, but the JSON before them", async () => {
  const tensor = (count: number, id = "") => ({
    id,
    inputs: [{ name: "INPUT0", shape: [count], datatype: "FP32", parameters: { binary_data_size: 4 * count } }],
    parameters: { binary_data_output: true },
  });
  const big = await call(app, "POST", PATH, ...mixedBody(tensor(10_000), new Uint8Array(40_000)));
  assert.equal(big.status, 200);
  const { status, json } = await call(app, "POST", PATH, ...mixedBody(tensor(1, "x".repeat(1000)), new Uint8Array(4)));
  assert.equal(status, 400);
  assert.match(json.error, /^request JSON size of/);
});

Deno.test("infer reads bodies without a length up to the limits", async () => {
  const parts = request(3).match(/.{1,7}/g)!.map((part) => new TextEncoder().encode(part));
  const answer = await app.request(PATH, {
    method: "POST",
    body: ReadableStream.from([new Uint8Array(0), ...parts]),
  });
  assert.deepEqual((await answer.json()).outputs[0].data, [1, 1, 1]);

  const long = await chunked(repeat(new Uint8Array(600), 1e9));
  assert.equal(long.status, 400);
  assert.match(long.error, /^request JSON size of more than 1000 bytes exceeds/);
});

Deno.test("infer limits the number of chunks", async () => {
  const roomy = testApp([identityModel("identity_fp32", "FP32")]);
  const answer = await roomy.request(PATH, {
    method: "POST",
    body: ReadableStream.from(repeat(new Uint8Array([0x20]), 70_000)),
  });
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).error, /^Chunked request body exceeds maximum of 65536 non-empty chunks/);
});

Deno.test("infer answers a body that breaks off with an error", async () => {
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"inputs":'));
      controller.error(new Error("connection lost"));
    },
  });
  const answer = await app.request(PATH, { method: "POST", body: broken });
  assert.deepEqual([answer.status, await answer.json()], [
    400,
    { error: "the request body could not be read: connection lost" },
  ]);
});
