import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import { identityModel, simpleModel } from "../testing/fake_repository.ts";
import { type Answer, call, mixedBody, simpleRequest, testApp } from "./testing.ts";

const SIMPLE = "/v2/models/simple/infer";
const app = testApp([simpleModel(), identityModel("identity_fp32", "FP32")]);

function send(body: Uint8Array, encoding: string, headers: Record<string, string> = {}): Promise<Answer> {
  return call(app, "POST", SIMPLE, new Uint8Array(body), { "content-encoding": encoding, ...headers });
}

Deno.test("infer decompresses gzip and zlib, told apart by their first bytes", async () => {
  const plain = Buffer.from(simpleRequest());
  for (const packed of [zlib.gzipSync(plain), zlib.deflateSync(plain)]) {
    for (const encoding of ["gzip", "deflate"]) assert.equal((await send(packed, encoding)).status, 200);
  }
  for (const encoding of ["identity", ""]) assert.equal((await send(plain, encoding)).status, 200);
});

Deno.test("infer counts the JSON of a compressed request uncompressed, at any alignment", async () => {
  for (const padding of ["", " ", "  ", "   "]) {
    const [body, headers] = mixedBody({
      inputs: ["INPUT0", "INPUT1"].map((name) => ({
        name: name + padding.slice(padding.length),
        shape: [1, 16],
        datatype: "INT32",
        parameters: { binary_data_size: 64, padding },
      })),
    }, new Uint8Array(new Int32Array(32).fill(3).buffer));
    const answer = await send(zlib.gzipSync(body), "gzip", headers);
    assert.deepEqual(answer.json.outputs[0].data, new Array(16).fill(6));
  }
});

Deno.test("infer decompresses big bodies too", async () => {
  const values = Array.from({ length: 20_000 }, (_, i) => i % 977);
  const body = JSON.stringify({
    inputs: [{ name: "INPUT0", shape: [values.length], datatype: "FP32", data: values }],
  });
  const headers = { "content-encoding": "gzip", "accept-encoding": "deflate" };
  const answer = await call(
    app,
    "POST",
    "/v2/models/identity_fp32/infer",
    new Uint8Array(zlib.gzipSync(body)),
    headers,
  );
  const json = JSON.parse(zlib.inflateSync(answer.bytes).toString());
  assert.deepEqual(json.outputs[0].data, values);
});

Deno.test("infer refuses what does not decompress, and never takes it for an empty request", async () => {
  const packed = zlib.gzipSync(simpleRequest());
  const broken = new Uint8Array(packed);
  broken[20] ^= 0xff;
  const bodies = [Buffer.from("notgzip"), packed.subarray(0, 40), broken, packed.subarray(0, 2)];
  for (const body of bodies) {
    for (const encoding of ["gzip", "deflate"]) {
      const { status, json } = await send(body, encoding);
      assert.equal(status, 400);
      assert.match(json.error, /^unable to decompress the request body as (gzip|deflate): /);
    }
  }
  const empty = await send(new Uint8Array(0), "gzip");
  assert.deepEqual([empty.status, empty.json.error], [400, "nothing to be decompressed"]);
});

Deno.test("infer refuses other codings and says which there are", async () => {
  for (const encoding of ["br", "zlib", "GZIP", "gzip, deflate"]) {
    const answer = await send(Buffer.from(simpleRequest()), encoding);
    assert.equal(answer.status, 501);
    assert.equal(answer.headers.get("accept-encoding"), "gzip, deflate");
    assert.match(answer.json.error, /^Unsupported compression type/);
  }
});

Deno.test("infer compresses what the client accepts: successful inferences only", async () => {
  const accept = (coding: string) => ({ "accept-encoding": coding });
  const plain = await call(app, "POST", SIMPLE, simpleRequest());
  const gzip = await call(app, "POST", SIMPLE, simpleRequest(), accept("gzip"));
  assert.equal(gzip.headers.get("content-encoding"), "gzip");
  assert.equal(zlib.gunzipSync(gzip.bytes).toString(), plain.text);
  const deflate = await call(app, "POST", SIMPLE, simpleRequest(), accept("deflate"));
  assert.equal(zlib.inflateSync(deflate.bytes).toString(), plain.text);
  for (
    const answer of [
      await call(app, "POST", SIMPLE, "{", accept("gzip")),
      await call(app, "GET", "/v2", undefined, accept("gzip")),
    ]
  ) assert.equal(answer.headers.get("content-encoding"), null);
});

Deno.test("infer compresses JSON and binary data together", async () => {
  const body = simpleRequest({ parameters: { binary_data_output: true } });
  const answer = await call(app, "POST", SIMPLE, body, { "accept-encoding": "gzip" });
  const length = Number(answer.headers.get("inference-header-content-length"));
  const plain = zlib.gunzipSync(answer.bytes);
  assert.equal(JSON.parse(plain.subarray(0, length).toString()).outputs.length, 2);
  assert.equal(plain.length, length + 128);
  assert.equal(answer.headers.get("content-type"), "application/octet-stream");
});
