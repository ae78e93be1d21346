import assert from "node:assert/strict";
import { BACKENDS } from "../../backends/registry.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { ResponseStream } from "../../core/responses.ts";
import { identityConfig, repositoryOf, withFiles } from "../testing/repository_fixture.ts";

/** A stream of one number each, every one of which goes through another model. */
const STREAM = `platform: "ensemble"
  input [ { name: "IN" data_type: TYPE_INT32 dims: -1 }, { name: "DELAY" data_type: TYPE_UINT32 dims: -1 },
    { name: "WAIT" data_type: TYPE_UINT32 dims: 1 } ]
  output [ { name: "VALUE" data_type: TYPE_INT32 dims: 1 }, { name: "POSITION" data_type: TYPE_UINT32 dims: 1 } ]
  ensemble_scheduling {
    max_inflight_requests: 1
    step { model_name: "repeat" model_version: -1
      input_map [ { key: "IN" value: "IN" }, { key: "DELAY" value: "DELAY" }, { key: "WAIT" value: "WAIT" } ]
      output_map [ { key: "OUT" value: "each" }, { key: "IDX" value: "POSITION" } ] }
    step { model_name: "numbers" model_version: -1
      input_map { key: "IN" value: "each" } output_map { key: "OUT" value: "VALUE" } }
  }`;

Deno.test("an ensemble with a decoupled model gives any number of responses, in order", async () => {
  const repeat = `backend: "repeat" model_transaction_policy { decoupled: true }
    input [ { name: "IN" data_type: TYPE_INT32 dims: -1 }, { name: "DELAY" data_type: TYPE_UINT32 dims: -1 },
      { name: "WAIT" data_type: TYPE_UINT32 dims: 1 } ]
    output [ { name: "OUT" data_type: TYPE_INT32 dims: 1 }, { name: "IDX" data_type: TYPE_UINT32 dims: 1 } ]`;
  const files = {
    "repeat/config.pbtxt": repeat,
    "repeat/1/": "",
    "numbers/config.pbtxt": identityConfig().replaceAll("TYPE_FP32", "TYPE_INT32"),
    "numbers/1/": "",
    "e/config.pbtxt": STREAM,
    "e/1/": "",
  };
  const words = (name: string, datatype: "INT32" | "UINT32", ...values: number[]) => {
    return { name, datatype, shape: [values.length], data: new Uint8Array(Int32Array.from(values).buffer) };
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { backends: BACKENDS });
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    const e = repository.find("e", "");
    assert.equal(e.decoupled, true);
    for (const values of [[7, 8, 9, 10], []]) {
      const request = new InferenceRequest("e", "");
      const delays = words("DELAY", "UINT32", ...values.map(() => 0));
      request.inputs = [words("IN", "INT32", ...values), delays, words("WAIT", "UINT32", 0)];
      const stream = new ResponseStream();
      e.infer(request, stream);
      const got: number[][] = [];
      for await (const { outputs } of stream) {
        assert.deepEqual(outputs.map(({ name }) => name), ["POSITION", "VALUE"]);
        got.push(outputs.map(({ data }) => new Int32Array(data.slice().buffer)[0]));
      }
      assert.deepEqual(got, values.map((value, position) => [position, value]));
    }
    assert.equal(e.statistics.success.count, 2);
    assert.equal(repository.find("numbers", "").statistics.inferenceCount, 4);
    await repository.close(1000);
  });
});
