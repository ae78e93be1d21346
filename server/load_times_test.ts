import { equal } from "node:assert/strict";
import { ManualClock } from "../core/clock.ts";
import { LoadTimes } from "./load_times.ts";

Deno.test("LoadTimes.seconds() is the time from LOADING to READY when both were seen", () => {
  const clock = new ManualClock();
  const times = new LoadTimes(clock);
  times.onEvent({ name: "m", version: 1, state: "LOADING" });
  clock.advance(1500);
  equal(times.seconds("m", 1), undefined);
  times.onEvent({ name: "m", version: 1, state: "READY" });
  equal(times.seconds("m", 1), 1.5);
  times.onEvent({ name: "m", version: 1, state: "UNAVAILABLE" });
  equal(times.seconds("m", 1), undefined);
});

Deno.test("LoadTimes.seconds() is unknown when a version was ready before anyone looked", () => {
  const times = new LoadTimes(new ManualClock());
  times.onEvent({ name: "m", version: 1, state: "READY" });
  equal(times.seconds("m", 1), undefined);
});
