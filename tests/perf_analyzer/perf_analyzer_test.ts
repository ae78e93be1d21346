/** Triton's own load generator against our server: it must succeed and measure something. Its figures are not judged. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { perfAnalyzer } from "../setup/perf_analyzer.ts";
import { ROOT } from "../support/paths.ts";
import { lastLines, run } from "../support/process.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const tool = await available(perfAnalyzer());
const title = "perf_analyzer measures the server";

/** Requests to `repeat_int32`. */
const REPEATS = `${ROOT}/tests/perf_analyzer/repeat_int32.json`;

/** What perf_analyzer is asked to do, by what it is to show. */
const RUNS: Record<string, (server: TestServer) => string[]> = {
  "simple over HTTP, binary": ({ httpPort }) => ["-m", "simple", "-i", "http", "-u", `127.0.0.1:${httpPort}`],
  "simple over HTTP, JSON": ({ httpPort }) => [
    ...["-m", "simple", "-i", "http", "-u", `127.0.0.1:${httpPort}`],
    ...["--input-tensor-format=json", "--output-tensor-format=json"],
  ],
  "simple over gRPC": ({ grpc }) => ["-m", "simple", "-i", "grpc", "-u", grpc],
  "simple over HTTP, batches of 8, 4 at a time": ({ httpPort }) => [
    ...["-m", "simple", "-i", "http", "-u", `127.0.0.1:${httpPort}`, "-b", "8", "--concurrency-range", "4"],
  ],
  "simple over gRPC, asynchronous, 4 at a time": ({ grpc }) => [
    ...["-m", "simple", "-i", "grpc", "-u", grpc, "--async", "--concurrency-range", "4"],
  ],
  "sequences of about 20 requests over HTTP, 4 at a time": ({ httpPort }) => [
    ...["-m", "simple_sequence", "-i", "http", "-u", `127.0.0.1:${httpPort}`, "--concurrency-range", "4"],
    ...["--sequence-length", "20"],
  ],
  "sequences in batches over HTTP, 8 at a time": ({ httpPort }) => [
    ...["-m", "simple_dyna_sequence", "-i", "http", "-u", `127.0.0.1:${httpPort}`, "--concurrency-range", "8"],
    ...["--sequence-length", "20"],
  ],
  "simple over a gRPC stream, 4 at a time": ({ grpc }) => [
    ...["-m", "simple", "-i", "grpc", "-u", grpc, "--async", "--streaming", "--concurrency-range", "4"],
  ],
  "repeat_int32 over a gRPC stream, three responses to each request": ({ grpc }) => [
    ...["-m", "repeat_int32", "-i", "grpc", "-u", grpc, "--async", "--streaming", "--input-data", REPEATS],
  ],
  "digits over gRPC, 4 at a time": ({ grpc }) => [
    ...["-m", "digits", "-i", "grpc", "-u", grpc, "--concurrency-range", "4"],
  ],
};

Deno.test({
  ...needing(title, tool.missing),
  async fn(t) {
    const { program, env } = tool.value!;
    await using server = await TestServer.start({ repositories: [`${ROOT}/models`] });
    for (const [name, options] of Object.entries(RUNS)) {
      await t.step(name, async () => {
        // A fixed number of requests in each window, and no wish for stable figures: a busy machine is no failure.
        const windows = ["--measurement-mode", "count_windows", "--measurement-request-count", "100"];
        const patience = ["-s", "1000", "-r", "3", "--percentile", "50"];
        const command = [program, ...options(server), ...windows, ...patience];
        const outcome = await run(command, { env, timeout: 120_000 });
        const output = outcome.stdout + outcome.stderr;
        assert.equal(outcome.code, 0, lastLines(output, 20));
        const throughput = Number(output.match(/throughput: ([\d.]+) infer\/sec/)?.[1]);
        assert.ok(throughput > 0, lastLines(output, 20));
        const executed = Number(output.match(/Server:[\s\S]*?Inference count: (\d+)/)?.[1]);
        assert.ok(executed > 0, "perf_analyzer reads the server's statistics");
      });
    }
  },
});
