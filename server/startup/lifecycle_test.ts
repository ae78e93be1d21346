import { equal, match, ok } from "node:assert/strict";
import { ManualClock } from "../../core/clock.ts";
import type { Log } from "../../observability/log.ts";
import { guardAgainstCrashes, shutDown, StopSignals } from "./lifecycle.ts";

function recorder(): Log & { lines: string[] } {
  const lines: string[] = [];
  const push = (message: string) => void lines.push(message);
  return { lines, verbose: (_, message) => push(message), info: push, warning: push, error: push };
}

Deno.test("shutDown() refuses, drains and releases in this order when nothing hangs", async () => {
  const steps: string[] = [];
  const step = (name: string) => Promise.resolve(void steps.push(name));
  const release = () => Promise.resolve(steps.push("release") > 0);
  const server = {
    refuse: () => void steps.push("refuse"),
    drain: () => step("drain"),
    release,
  };
  equal(await shutDown(server, 1000, recorder(), new ManualClock()), true);
  equal(steps.join(), "refuse,drain,release");
});

Deno.test("shutDown() gives up when the time is over", async () => {
  const clock = new ManualClock();
  const log = recorder();
  let released = false;
  const server = {
    refuse() {},
    drain: () => new Promise<void>(() => {}),
    release: () => Promise.resolve(released = true),
  };
  const done = shutDown(server, 10_000, log, clock);
  clock.advance(10_000);
  equal(await done, false);
  equal(released, false);
  match(log.lines[0], /Exit timeout expired after 10 s/);
});

Deno.test("shutDown() reports failure when a part throws", async () => {
  const log = recorder();
  const server = { refuse() {}, drain: () => Promise.reject(new Error("stuck")), release: () => Promise.resolve(true) };
  equal(await shutDown(server, 1000, log, new ManualClock()), false);
  match(log.lines[0], /stuck/);
});

Deno.test("StopSignals resolves at the first signal and exits at the second", async () => {
  const codes: number[] = [];
  const signals = new StopSignals(recorder(), (code) => void codes.push(code));
  try {
    signals.notify("SIGTERM");
    equal(await signals.received, "SIGTERM");
    equal(codes.length, 0);
    signals.notify("SIGTERM");
    equal(codes.join(), "143");
  } finally {
    signals.close();
  }
});

Deno.test("guardAgainstCrashes() logs a rejection that nobody handles, and the process goes on", async () => {
  const log = recorder();
  const release = guardAgainstCrashes(log);
  try {
    Promise.reject(new Error("nobody cares"));
    await new Promise((resolve) => setTimeout(resolve, 0));
    ok(log.lines.some((line) => line.includes("nobody cares")), log.lines.join());
  } finally {
    release();
  }
});
