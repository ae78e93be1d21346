import { deepEqual, equal } from "node:assert/strict";
import type { ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { ResponseOrder } from "./response_order.ts";

function setUp() {
  const order = new ResponseOrder();
  const seen: string[] = [];
  const wrap = (name: string, onFinish?: () => void): ResponseSink =>
    order.wrap({
      respond: ({ id }) => seen.push(`${name}:${id}`),
      finish(error) {
        seen.push(error ? `${name} ${error.code}` : `${name} over`);
        onFinish?.();
      },
    });
  return { seen, wrap };
}

const response = (id: string) => ({ modelName: "m", modelVersion: "1", id, outputs: [] });

Deno.test("ResponseOrder holds responses back until all before have finished, and passes the first on as they come", () => {
  const { seen, wrap } = setUp();
  const [a, b, c] = [wrap("a"), wrap("b"), wrap("c")];
  b.respond(response("1"));
  b.finish();
  c.respond(response("1"));
  deepEqual(seen, []);
  a.respond(response("1"));
  deepEqual(seen, ["a:1"]);
  a.finish();
  deepEqual(seen, ["a:1", "a over", "b:1", "b over", "c:1"]);
  c.respond(response("2"));
  c.finish(new Status("INTERNAL", "broken"));
  deepEqual(seen.slice(5), ["c:2", "c INTERNAL"]);
});

Deno.test("ResponseOrder keeps the order when a sink brings the next request", () => {
  const { seen, wrap } = setUp();
  const a = wrap("a", () => wrap("c").finish());
  const b = wrap("b");
  b.finish();
  a.finish();
  deepEqual(seen, ["a over", "b over", "c over"]);
});

Deno.test("ResponseOrder slows a model down while it is not its turn", async () => {
  const { wrap } = setUp();
  const [a, b] = [wrap("a"), wrap("b")];
  equal(a.backpressure!(), undefined);
  const turn = b.backpressure!();
  a.finish();
  await turn;
  equal(b.backpressure!(), undefined);
});
