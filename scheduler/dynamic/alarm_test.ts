import { deepEqual, equal } from "node:assert/strict";
import { ManualClock } from "../../core/clock.ts";
import { Alarm } from "./alarm.ts";

function setUp(turns?: (() => void)[]) {
  const clock = new ManualClock();
  const rings: number[] = [];
  const alarm = new Alarm(clock, turns && ((end) => turns.push(end)), () => rings.push(clock.now()));
  /** Ends a turn of the event loop, after `ms`. */
  const turn = (ms: number) => {
    clock.advance(ms);
    for (const end of turns!.splice(0)) end();
  };
  return { clock, rings, alarm, turn };
}

Deno.test("Alarm rings once, at the soonest of the times that were set", () => {
  const { clock, rings, alarm } = setUp();
  alarm.set(100);
  alarm.set(50);
  alarm.set(70);
  clock.advance(200);
  deepEqual(rings, [50]);
  alarm.set(300);
  clock.advance(200);
  deepEqual(rings, [50, 300]);
});

Deno.test("Alarm looks at the end of each turn when the time is too short for a timer", () => {
  const turns: (() => void)[] = [];
  const { rings, alarm, turn } = setUp(turns);
  alarm.set(0.5);
  turn(0.2);
  turn(0.2);
  deepEqual(rings, []);
  turn(0.2);
  equal(rings.length, 1);
  deepEqual(turns, []);
});

Deno.test("Alarm stops looking when there is nothing to ring for any more", () => {
  const turns: (() => void)[] = [];
  const { rings, alarm, turn } = setUp(turns);
  alarm.set(0.5);
  alarm.set(Infinity);
  turn(1);
  deepEqual([rings, turns], [[], []]);
});

Deno.test("Alarm sets a timer that leaves room for its lateness when the time is long", () => {
  const turns: (() => void)[] = [];
  const { clock, rings, alarm } = setUp(turns);
  alarm.set(10);
  deepEqual(turns, []);
  clock.advance(9);
  deepEqual(rings, [9]);
});

Deno.test("Alarm keeps one timer when a short time becomes a long one", () => {
  const turns: (() => void)[] = [];
  const { clock, rings, alarm, turn } = setUp(turns);
  alarm.set(0.5);
  alarm.set(10);
  turn(0.1);
  turn(0.1);
  clock.advance(20);
  equal(rings.length, 1);
});

Deno.test("Alarm.clear() takes the timer away, and ends the looking at turns", () => {
  const turns: (() => void)[] = [];
  const { clock, rings, alarm, turn } = setUp(turns);
  alarm.set(1000);
  alarm.clear();
  clock.advance(2000);
  alarm.set(2000.5);
  alarm.clear();
  turn(1);
  deepEqual([rings, turns], [[], []]);
  alarm.set(3000);
  clock.advance(2000);
  equal(rings.length, 1);
});
