import assert from "node:assert/strict";
import type { Backend, Execution, LoadedModel } from "../backends/backend.ts";
import { Status } from "../core/status.ts";
import { identityConfig, repositoryOf, withFiles } from "./testing/repository_fixture.ts";

/** A backend that notes what it is given to execute, and fails the requests of batches as `fails` says. */
function recording(fails?: Status): { backend: Backend; seen: { instance: string; shapes: number[][] }[] } {
  const seen: { instance: string; shapes: number[][] }[] = [];
  const backend: Backend = {
    name: "identity",
    load({ config }): Promise<LoadedModel> {
      const names = config.instanceGroup.flatMap(({ name, count }) =>
        Array.from({ length: count }, (_, i) => `${name}_${i}`)
      );
      const instances = names.map((name) => ({
        name,
        group: "",
        passive: false,
        capacity: 1,
        available: true,
        onAvailable: () => {},
        execute(execution: Execution) {
          seen.push({
            instance: name,
            shapes: execution.requests.flatMap(({ inputs }) => inputs.map((t) => [...t.shape])),
          });
          if (fails) execution.requests.forEach((_, index) => execution.fail(index, fails));
          execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
        },
      }));
      return Promise.resolve({ instances, device: "CPU", note: "", unload: () => Promise.resolve() });
    },
  };
  return { backend, seen };
}

const warmup = (text: string) => `model_warmup { name: "w" ${text} }`;
const zeros = `inputs { key: "IN" value { data_type: TYPE_FP32 dims: 2 zero_data: true } }`;

async function reasonOf(
  config: string,
  backend: Backend,
  files: Record<string, string> = {},
): Promise<string | undefined> {
  let reason: string | undefined;
  await withFiles({ "m/config.pbtxt": config, "m/1/": "", ...files }, async (root) => {
    const { repository } = repositoryOf(root, { backend });
    await repository.start();
    reason = repository.index()[0].reason;
    await repository.close(1000);
  });
  return reason;
}

Deno.test("warmUp() runs every sample on every instance, count times, batch_size requests together", async () => {
  const { backend, seen } = recording();
  const group = "instance_group { count: 2 kind: KIND_CPU }";
  const config = identityConfig(`max_batch_size: 4 ${group} ${warmup(`batch_size: 3 count: 2 ${zeros}`)}`);
  assert.equal(await reasonOf(config, backend), undefined);
  const rows = [[1, 2], [1, 2], [1, 2]];
  assert.equal(seen.length, 4);
  for (const instance of ["m_0_0", "m_0_1"]) {
    assert.deepEqual(seen.filter((run) => run.instance === instance).map(({ shapes }) => shapes), [rows, rows]);
  }
});

Deno.test("warmUp() runs the requests of a sample one by one where the model does not batch, and skips batch_size 0", async () => {
  const { backend, seen } = recording();
  assert.equal(await reasonOf(identityConfig(warmup(`batch_size: 2 ${zeros}`)), backend), undefined);
  assert.deepEqual(seen.map(({ shapes }) => shapes), [[[2]], [[2]]]);
  seen.length = 0;
  assert.equal(await reasonOf(identityConfig(warmup(`batch_size: 0 ${zeros}`)), backend), undefined);
  assert.deepEqual(seen, []);
});

Deno.test("warmUp() gives the backend the shapes that a reshape makes", async () => {
  const { backend, seen } = recording();
  const config = identityConfig(`max_batch_size: 4 ${warmup(`batch_size: 1 ${zeros}`)}`)
    .replace("dims: -1", "dims: 2 reshape { shape: [ 1, 2, 1 ] }");
  assert.equal(await reasonOf(config, backend), undefined);
  assert.deepEqual(seen[0].shapes, [[1, 1, 2, 1]]);
});

Deno.test("warmUp() fails the load with the text of each failed request", async () => {
  const { backend } = recording(new Status("INTERNAL", "deliberate failure"));
  const one = identityConfig(`max_batch_size: 4 ${warmup(`batch_size: 1 ${zeros}`)}`);
  assert.equal(
    await reasonOf(one, backend),
    "Invalid argument: failed to run warmup sample 'w': deliberate failure; ",
  );
  const nine = identityConfig(`max_batch_size: 4 ${warmup(`batch_size: 9 ${zeros}`)}`);
  assert.equal(
    await reasonOf(nine, backend),
    `Invalid argument: failed to run warmup sample 'w': ${"batch size 9 for 'm_0', max allowed is 4; ".repeat(9)}`,
  );
});

Deno.test("warmUp() fails the load of a sample that does not fit the model", async () => {
  const { backend } = recording();
  const config = (inputs: string) => identityConfig(`max_batch_size: 4 ${warmup(`batch_size: 1 ${inputs}`)}`);
  const input = (text: string, name = "IN") => config(`inputs { key: "${name}" value { ${text} } }`);
  const missing = "Invalid argument: [request id: <id_unknown>] expected 1 inputs but got 0 inputs for model 'm'. " +
    "Got input(s) [], but missing required input(s) ['IN']. Please provide all required input(s).";
  assert.equal(await reasonOf(config(""), backend), missing);
  assert.equal(await reasonOf(input("data_type: TYPE_FP32 dims: 2 zero_data: true", "NOPE"), backend), missing);
  assert.equal(
    await reasonOf(input("data_type: TYPE_INT32 dims: 2 zero_data: true"), backend),
    "Invalid argument: [request id: <id_unknown>] inference input 'IN' data-type is 'INT32', but model 'm' expects 'FP32'",
  );
  assert.equal(
    await reasonOf(input("data_type: TYPE_FP32 dims: -1 zero_data: true"), backend),
    "Invalid argument: warmup setting expects all variable-size dimensions are specified for input 'IN'",
  );
  assert.equal(
    await reasonOf(input("data_type: TYPE_FP32 dims: 2"), backend),
    "Invalid argument: [request id: <id_unknown>] warmup setting expects input 'IN' to have input_data_type set",
  );
  assert.equal(
    await reasonOf(input('data_type: TYPE_FP32 dims: 2 input_data_file: "d"'), backend, { "m/warmup/d": "abc" }),
    "Invalid argument: [request id: <id_unknown>] warmup setting expects 8 bytes, but the data provided from donly has " +
      "3 bytes",
  );
  assert.match(
    await reasonOf(input('data_type: TYPE_FP32 dims: 2 input_data_file: "nope"'), backend) ?? "",
    /^Internal: failed to open text file for read .*warmup.nope: No such file or directory$/,
  );
});

Deno.test("warmUp() makes each request a sequence of its own, with the control tensors that the sample leaves out", async () => {
  const { backend, seen } = recording();
  const controls = `sequence_batching {
    control_input { name: "S" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }
    control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
  }`;
  const own = `inputs { key: "S" value { data_type: TYPE_INT32 dims: [ 1, 1 ] zero_data: true } }`;
  const group = "instance_group { count: 1 kind: KIND_CPU }";
  const config = identityConfig(`max_batch_size: 4 ${group} ${controls}
    ${warmup(`batch_size: 1 ${zeros}`)} ${warmup(`batch_size: 1 ${zeros} ${own}`)}`);
  assert.equal(await reasonOf(config, backend), undefined);
  assert.deepEqual(seen.map(({ shapes }) => shapes), [
    [[1, 2], [1, 1], [1, 1]],
    [[1, 2], [1, 1, 1], [1, 1]],
  ]);
});
