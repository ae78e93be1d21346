import assert from "node:assert/strict";
import type { Execution, ModelInstance } from "../../backends/backend.ts";
import { ManualClock } from "../../core/clock.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { DefaultScheduler } from "../default_scheduler.ts";
import { RateLimiter } from "./rate_limiter.ts";
import type { ResourceCount, ResourceNeed } from "./resources.ts";

class FakeInstance implements ModelInstance {
  readonly passive = false;
  readonly capacity = 2;
  available = true;
  onAvailable = () => {};
  readonly executions: Execution[] = [];
  constructor(readonly name: string, readonly group: string) {}
  execute(execution: Execution): void {
    this.executions.push(execution);
  }
}

interface GroupOptions {
  readonly count?: number;
  readonly needs: readonly ResourceNeed[];
  readonly priority?: number;
  readonly device?: number;
}

const need = (name: string, count: number, global = false): ResourceNeed => ({ name, count, global });
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Models behind one rate limiter; `running` names the instances that execute. */
function setUp(given: readonly ResourceCount[], models: Readonly<Record<string, readonly GroupOptions[]>>) {
  const clock = new ManualClock();
  const limiter = new RateLimiter(given, clock);
  const all: FakeInstance[] = [];
  const load = (model: string, groups: readonly GroupOptions[]) => {
    const registration = limiter.register(
      groups.map(({ needs, priority = 0, device = 0 }, i) => ({ name: `${model}_${i}`, device, needs, priority })),
    );
    const instances = groups.flatMap(({ count = 1 }, i) =>
      Array.from({ length: count }, (_, j) => new FakeInstance(`${model}_${i}_${j}`, `${model}_${i}`))
    );
    all.push(...instances);
    const scheduler = new DefaultScheduler({
      modelName: model,
      instances: instances.map(registration.limit),
      statistics: new ModelStatistics(),
      clock: new ManualClock(),
    });
    return { scheduler, registration };
  };
  const loaded = new Map(Object.entries(models).map(([model, groups]) => [model, load(model, groups)]));
  return {
    clock,
    load: (model: string, groups: readonly GroupOptions[]) => loaded.set(model, load(model, groups)),
    unload: (model: string) => loaded.get(model)!.registration.remove(),
    instance: (name: string) => all.find((instance) => instance.name === name)!,
    send(model: string, count = 1, signal?: AbortSignal) {
      for (let i = 0; i < count; i++) {
        const request = new InferenceRequest(model, "");
        request.signal = signal;
        const sink = new UnaryResponse();
        sink.promise.catch(() => {});
        loaded.get(model)!.scheduler.enqueue(request, sink);
      }
    },
    running: () => all.filter(({ executions }) => executions.length > 0).map(({ name }) => name),
    /** Ends the execution of an instance and lets the others go on. */
    async end(name: string) {
      const execution = all.find((instance) => instance.name === name)!.executions.shift()!;
      execution.respond(0, { modelName: "m", modelVersion: "1", id: "", outputs: [] });
      execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
      await settled();
    },
  };
}

Deno.test("RateLimiter runs no more than the resources allow, over all models", async () => {
  const { send, running, end } = setUp([{ name: "R", count: 2 }], {
    a: [{ count: 3, needs: [need("R", 1)] }],
    b: [{ count: 3, needs: [need("R", 1)] }],
  });
  send("a", 3);
  send("b", 3);
  assert.deepEqual(running(), ["a_0_0", "a_0_1"]);
  await end("a_0_0");
  // no one else in line has executed either, and it came first
  assert.deepEqual(running(), ["a_0_1", "a_0_2"]);
  await end("a_0_1");
  assert.deepEqual(running(), ["a_0_2", "b_0_0"]);
  await end("a_0_2");
  assert.deepEqual(running(), ["b_0_0", "b_0_1"]);
});

Deno.test("RateLimiter never has an instance hold resources for an execution that waits behind another", () => {
  const { send, instance } = setUp([{ name: "R", count: 9 }], { a: [{ needs: [need("R", 1)] }] });
  send("a", 3);
  assert.equal(instance("a_0_0").executions.length, 1);
});

Deno.test("RateLimiter gives turns by executions times priority", async () => {
  const { send, running, end } = setUp([], {
    a: [{ needs: [need("R", 1)], priority: 1 }],
    b: [{ needs: [need("R", 1)], priority: 3 }],
  });
  send("a", 20);
  send("b", 20);
  const turns: string[] = [];
  for (let i = 0; i < 12; i++) {
    const [name] = running();
    turns.push(name[0]);
    await end(name);
  }
  assert.equal(turns.join(""), "abaabaaabaaa");
});

Deno.test("RateLimiter keeps resources free for the first in line, however much it needs", async () => {
  const { send, running, end } = setUp([], {
    large: [{ needs: [need("R", 3)] }],
    small: [{ count: 4, needs: [need("R", 1)] }],
  });
  send("small", 2);
  send("large");
  send("small", 2);
  assert.deepEqual(running(), ["small_0_0", "small_0_1"]);
  await end("small_0_0");
  assert.deepEqual(running(), ["small_0_1"]);
  await end("small_0_1");
  assert.deepEqual(running(), ["large_0_0"]);
  await end("large_0_0");
  assert.equal(running().length, 2);
});

Deno.test("RateLimiter lets those go on that have no part in what others wait for", () => {
  const { send, running } = setUp([], {
    slow: [{ count: 2, needs: [need("R", 1)] }],
    other: [{ needs: [need("S", 1)] }],
    free: [{ needs: [] }],
    "another device": [{ needs: [need("R", 1)], device: 1 }],
  });
  send("slow", 5);
  for (const model of ["other", "free", "another device"]) send(model);
  assert.deepEqual(running(), ["slow_0_0", "other_0_0", "free_0_0", "another device_0_0"]);
});

Deno.test("RateLimiter has a model use the group that it has resources for", async () => {
  const { send, running, end } = setUp([{ name: "R", count: 1 }, { name: "S", count: 1 }], {
    a: [{ needs: [need("R", 1)] }, { needs: [need("S", 1)] }, { needs: [] }],
    b: [{ needs: [need("R", 1)] }],
  });
  send("b");
  // the instance without needs takes two at once
  send("a", 4);
  assert.deepEqual(running(), ["a_1_0", "a_2_0", "b_0_0"]);
  await end("b_0_0");
  assert.deepEqual(running(), ["a_0_0", "a_1_0", "a_2_0"]);
});

Deno.test("RateLimiter passes by a model whose work was cancelled while it was first in line", async () => {
  const { send, running, end } = setUp([], {
    a: [{ needs: [need("R", 1)] }],
    b: [{ needs: [need("R", 1)] }],
    c: [{ needs: [need("R", 1)] }],
  });
  const abort = new AbortController();
  send("a");
  send("b", 1, abort.signal);
  send("c");
  abort.abort();
  await end("a_0_0");
  assert.deepEqual(running(), ["c_0_0"]);
});

Deno.test("RateLimiter does not hold others back for work that was cancelled, while something else executes", async () => {
  const { send, running } = setUp([], {
    small: [{ count: 4, needs: [need("R", 1)] }],
    large: [{ needs: [need("R", 3)] }],
  });
  const abort = new AbortController();
  send("small");
  send("large", 2, abort.signal);
  send("small", 1);
  assert.deepEqual(running(), ["small_0_0"]);
  abort.abort();
  await settled();
  assert.deepEqual(running(), ["small_0_0", "small_0_1"]);
});

Deno.test("RateLimiter goes on when an instance that was first in line is away", async () => {
  const { send, running, end, instance } = setUp([], {
    a: [{ needs: [need("R", 1)] }],
    b: [{ needs: [need("R", 1)] }],
    c: [{ needs: [need("R", 1)] }],
  });
  send("a");
  send("b");
  send("c");
  instance("b_0_0").available = false;
  await end("a_0_0");
  assert.deepEqual(running(), ["c_0_0"]);
  instance("b_0_0").available = true;
  instance("b_0_0").onAvailable();
  assert.deepEqual(running(), ["c_0_0"]);
  await end("c_0_0");
  assert.deepEqual(running(), ["b_0_0"]);
});

Deno.test("RateLimiter has a model that comes later begin where the others are", async () => {
  const { send, running, end, load } = setUp([], { a: [{ needs: [need("R", 1)] }] });
  send("a", 20);
  for (let i = 0; i < 10; i++) await end("a_0_0");
  load("b", [{ needs: [need("R", 1)] }]);
  send("b", 20);
  const turns: string[] = [];
  for (let i = 0; i < 6; i++) {
    const [name] = running();
    turns.push(name[0]);
    await end(name);
  }
  assert.deepEqual(turns.toSorted().join(""), "aaabbb");
});

Deno.test("RateLimiter has a model that was idle go on where the others are", async () => {
  const { send, running, end, clock } = setUp([], {
    a: [{ needs: [need("R", 1)] }],
    b: [{ needs: [need("R", 1)] }],
    "in no one's way": [{ needs: [need("S", 1)] }],
  });
  send("in no one's way");
  const turns = async (count: number) => {
    let names = "";
    for (let i = 0; i < count; i++) {
      const name = running().find((each) => each !== "in no one's way_0_0")!;
      names += name[0];
      await end(name);
    }
    return names;
  };
  send("a", 100);
  await turns(100);
  clock.advance(5000);
  send("b", 2);
  await turns(1);
  clock.advance(500);
  // neither has to make up for what the other executed while it had nothing to do
  send("a", 20);
  send("b", 20);
  assert.equal((await turns(7)).slice(1), "ababab");
  await turns(34);
  clock.advance(5000);
  send("a", 60);
  await turns(30);
  clock.advance(500);
  send("b", 20);
  assert.equal((await turns(9)).slice(1), "babababa");
});

Deno.test("RateLimiter lets go of what an unloaded model had asked for", async () => {
  const { send, running, load, unload } = setUp([], {
    a: [{ needs: [need("R", 1)] }],
    large: [{ needs: [need("R", 2)] }],
  });
  unload("large");
  send("a");
  load("b", [{ needs: [need("R", 1)] }]);
  send("b");
  await settled();
  assert.deepEqual(running(), ["a_0_0"]);
});

Deno.test("RateLimiter.register() leaves nothing behind when a group cannot be satisfied", () => {
  const limiter = new RateLimiter([{ name: "R", count: 1 }]);
  const group = (needs: ResourceNeed[]) => ({ name: "g", device: 0, needs, priority: 0 });
  assert.throws(() => limiter.register([group([need("R", 1)]), group([need("R", 2)])]), /is limited to 1/);
  // as a global resource it would contradict what is known of R
  limiter.register([group([need("R", 1, true)])]);
});
