import assert from "node:assert/strict";
import type { HandlerContext } from "@connectrpc/connect";
import { ManualClock } from "../../../core/clock.ts";
import { HealthCheckResponse_ServingStatus as State } from "../../../proto/gen/health_pb.ts";
import { InferenceServer } from "../../inference_server.ts";
import { FakeRepository } from "../../testing/fake_repository.ts";
import { healthService } from "./health.ts";

function start(service: string) {
  const server = new InferenceServer(new FakeRepository([]), "triton", true);
  const clock = new ManualClock(), stopping = new AbortController(), client = new AbortController();
  const health = healthService(server, clock, stopping.signal);
  const context = { signal: client.signal } as HandlerContext;
  const watch = health.watch({ service } as never, context)[Symbol.asyncIterator]();
  /** The next state, while the clock moves on. */
  const next = async () => {
    let settled = false;
    const result = watch.next().finally(() => settled = true);
    while (!settled) {
      clock.advance(250);
      await Promise.resolve();
    }
    const { value, done } = await result;
    return done ? "end" : value.status;
  };
  return { server, stopping, client, next };
}

Deno.test("Watch tells the state at once and each change", async () => {
  const { server, next } = start("inference.GRPCInferenceService");
  assert.equal(await next(), State.SERVING);
  server.stop();
  assert.equal(await next(), State.NOT_SERVING);
});

Deno.test("Watch of a service that is not there says so and goes on", async () => {
  const { client, next } = start("nope");
  assert.equal(await next(), State.SERVICE_UNKNOWN);
  client.abort();
  assert.equal(await next(), "end");
});

Deno.test("Watch ends with NOT_SERVING and UNAVAILABLE when the server stops", async () => {
  const { stopping, next } = start("");
  assert.equal(await next(), State.SERVING);
  stopping.abort();
  assert.equal(await next(), State.NOT_SERVING);
  await assert.rejects(next(), { code: "UNAVAILABLE", message: "the server is shutting down" });
});
