import assert from "node:assert/strict";
import { ResponseCounter, ResponseStatistics } from "./response_statistics.ts";

const ms = (value: number, count = 1) => ({ count, ns: value * 1e6 });

Deno.test("ResponseCounter counts each response by its position, from the one before it", () => {
  const statistics = new ResponseStatistics();
  const two = new ResponseCounter(statistics, 100);
  two.responded(103);
  two.responded(110);
  two.ended(111, "success");
  const failed = new ResponseCounter(statistics, 200);
  failed.responded(205);
  failed.ended(207, "fail");
  new ResponseCounter(statistics, 300).ended(304, "cancel");
  const seen = statistics.positions.map(({ computeInfer, computeOutput, success, fail, emptyResponse, cancel }) =>
    [computeInfer, computeOutput, success, fail, emptyResponse, cancel].map(({ count, ns }) => ({ count, ns }))
  );
  assert.deepEqual(seen, [
    [ms(8, 2), ms(0, 2), ms(8, 2), ms(0, 0), ms(0, 0), ms(4)],
    [ms(9, 2), ms(0), ms(7), ms(2), ms(0, 0), ms(0, 0)],
    [ms(1), ms(0, 0), ms(0, 0), ms(0, 0), ms(1), ms(0, 0)],
  ]);
});

Deno.test("ResponseStatistics keeps a bounded number of positions", () => {
  const statistics = new ResponseStatistics();
  const counter = new ResponseCounter(statistics, 0);
  for (let i = 0; i < 5000; i++) counter.responded(i);
  counter.ended(5000, "success");
  assert.equal(statistics.positions.length, 1000);
});
