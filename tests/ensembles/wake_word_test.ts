/** A real chain of models as an ensemble, through a running server. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { webgpuAdapter } from "../setup/vulkan.ts";
import { infer, numbers } from "../support/infer.ts";
import { needing } from "../support/needing.ts";
import { shared, SHARED_ABSENT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";
import { clip, STRETCHES, WINDOWS, writeWakeWord } from "./wake_word.ts";

const absent = shared("testdata/audio") === undefined ? SHARED_ABSENT : undefined;
const adapter = await available(webgpuAdapter());

interface Statistics {
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Record<"success" | "fail" | "queue" | "compute_infer", { count: number; ns: number }>;
}

async function statistics(http: string, model: string): Promise<Statistics> {
  return (await (await fetch(`${http}/v2/models/${model}/stats`)).json()).model_stats[0];
}

async function withWakeWord(
  kind: "KIND_CPU" | "KIND_GPU",
  test: (server: TestServer) => Promise<void>,
): Promise<void> {
  const repository = await Deno.makeTempDir({ prefix: "wake-word-" });
  try {
    await writeWakeWord(repository, kind);
    await using server = await TestServer.start({ repositories: [repository], patience: 480_000 });
    await test(server);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
}

/** What the words score, to the digits that their authors give. */
async function checkScores({ http }: TestServer): Promise<void> {
  const alexa = numbers((await infer(http, "wake_word", [await clip("oww_alexa_test")])).get("SCORE")!);
  assert.equal(alexa.length, 1);
  assert.ok(alexa[0] > 0.999999, `alexa scores ${alexa[0]}`);
  const other = numbers((await infer(http, "wake_word", [await clip("oww_hey_mycroft_test")])).get("SCORE")!);
  assert.ok(other[0] > 1e-5 && other[0] < 3e-5, `hey mycroft scores ${other[0]}`);
}

Deno.test({
  ...needing("the wake-word chain scores its recordings as an ensemble on the CPU", absent),
  async fn(t) {
    await withWakeWord("KIND_CPU", async (server) => {
      await t.step("the scores are those of the models run by hand", () => checkScores(server));
      await t.step("its models count what they ran, and it what they took together", async () => {
        const [whole, mel, score] = await Promise.all(
          ["wake_word", "oww_melspectrogram", "oww_alexa"].map((model) => statistics(server.http, model)),
        );
        assert.deepEqual([whole.inference_count, whole.execution_count], [2, 2]);
        assert.equal(mel.inference_count, 2);
        assert.equal(score.inference_count, 2 * STRETCHES);
        assert.ok(whole.inference_stats.compute_infer.ns > mel.inference_stats.compute_infer.ns);
      });
      await t.step("only the steps run that the requested outputs need", async () => {
        const before = await statistics(server.http, "oww_alexa");
        const { data, ...input } = await clip("oww_alexa_test");
        const answer = await fetch(`${server.http}/v2/models/wake_word/infer`, {
          method: "POST",
          body: JSON.stringify({
            inputs: [{ ...input, data: [...new Float32Array(data.buffer as ArrayBuffer)] }],
            outputs: [{ name: "EMBEDDINGS", parameters: { binary_data: false } }],
          }),
        });
        const { outputs } = await answer.json();
        assert.deepEqual(outputs.map(({ name }: { name: string }) => name), ["EMBEDDINGS"]);
        assert.equal((await statistics(server.http, "oww_alexa")).inference_count, before.inference_count);
      });
      await t.step("what does not fit it is refused by its own name", async () => {
        const short = { ...await clip("oww_alexa_test"), shape: [1, 4], data: new Uint8Array(16) };
        await assert.rejects(infer(server.http, "wake_word", [short]), /unexpected shape for input 'AUDIO'/);
      });
    });
  },
});

Deno.test({
  ...needing("the wake-word chain scores its recordings as an ensemble on WebGPU", absent, adapter.missing),
  async fn(t) {
    await withWakeWord("KIND_GPU", async (server) => {
      await t.step("the scores are those of the models run by hand", () => checkScores(server));
      await t.step("all steps ran in one worker, and its models count what they ran", async () => {
        const chain = "oww_melspectrogram, cut, oww_embedding, stack, oww_alexa, best";
        assert.ok(server.log.includes(`wake_word: what ${chain} hand to each other stays on the GPU`), server.log);
        assert.doesNotMatch(server.log, /one by one/);
        const score = await statistics(server.http, "oww_alexa");
        assert.equal(score.inference_count, 2 * STRETCHES);
        const rows = await statistics(server.http, "oww_embedding");
        assert.deepEqual([rows.inference_count, rows.execution_count], [2 * WINDOWS, 2]);
      });
      await t.step("what does not fit it is refused in the words of its own", async () => {
        const short = { ...await clip("oww_alexa_test"), shape: [1, 4], data: new Uint8Array(16) };
        await assert.rejects(infer(server.http, "wake_word", [short]), /unexpected shape for input 'AUDIO'/);
      });
    });
  },
});
