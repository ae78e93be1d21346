import assert from "node:assert/strict";
import { type Clock, ManualClock } from "../../core/clock.ts";
import { Sequence, SequenceSlot } from "./sequence.ts";
import { Backlog } from "./waiting.ts";

/** A clock that tells how many timers run. */
class CountingClock implements Clock {
  readonly manual = new ManualClock();
  readonly #timers = new Set<symbol>();

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.manual.now();
  }

  after(ms: number, callback: () => void): () => void {
    const timer = Symbol();
    this.#timers.add(timer);
    const cancel = this.manual.after(ms, () => {
      this.#timers.delete(timer);
      callback();
    });
    return () => {
      this.#timers.delete(timer);
      cancel();
    };
  }
}

function setUp() {
  const clock = new CountingClock();
  const expired: unknown[] = [];
  const backlog = new Backlog(clock, ({ id }) => expired.push(id));
  const add = (id: number, deadline?: number): Sequence => {
    const sequence = new Sequence(id, id);
    backlog.add(sequence);
    if (deadline !== undefined) backlog.limit(sequence, deadline);
    return sequence;
  };
  return { clock, backlog, expired, add };
}

Deno.test("Backlog remembers no deadline of a sequence that has left", () => {
  const { clock, backlog, add, expired } = setUp();
  const patient = add(0, 5_000_000);
  for (let id = 1; id <= 5000; id++) {
    const sequence = add(id, 3_600_000);
    backlog.limit(sequence, 3_500_000);
    backlog.remove(sequence);
    assert.ok(backlog.deadlines < 100, `${backlog.deadlines} deadlines after ${id} sequences`);
  }
  assert.equal(backlog.shift(), patient);
  assert.deepEqual([backlog.deadlines, clock.timers], [0, 0], "and keeps no timer for them");
  add(1, 7_000_000);
  assert.equal(clock.timers, 1);
  clock.manual.advance(7_000_000);
  assert.deepEqual(expired, [1]);
});

Deno.test("Backlog keeps to the shortest deadline of a sequence, in whatever order they come", () => {
  const { clock, backlog, add, expired } = setUp();
  const [a, b] = [add(1, 500), add(2, 400)];
  backlog.limit(a, 300);
  backlog.limit(a, 900);
  backlog.limit(new Sequence(2, 2, b), 350);
  clock.manual.advance(299);
  assert.deepEqual(expired, []);
  clock.manual.advance(1);
  assert.deepEqual(expired, [1]);
  clock.manual.advance(50);
  assert.deepEqual(expired, [1, 2]);
  clock.manual.advance(1000);
  assert.deepEqual([expired, clock.timers], [[1, 2], 0]);
  assert.equal(backlog.shift(), undefined);
});

Deno.test("Backlog does not call time on a sequence that has its slot", () => {
  const { clock, backlog, add, expired } = setUp();
  const first = add(1, 100);
  add(2, 200);
  assert.equal(backlog.shift(), first);
  first.slot = new SequenceSlot(0, 0);
  clock.manual.advance(150);
  assert.deepEqual(expired, []);
  clock.manual.advance(50);
  assert.deepEqual(expired, [2]);
});
