import assert from "node:assert/strict";
import { readJunit, skippedTitle, totalsLine } from "./report.ts";

const testcase = (name: string, body = "", file = "./a_test.ts") =>
  `<testcase name="${name}" classname="${file}" time="0">${body}</testcase>`;

Deno.test("readJunit() counts the steps of a test and not the test around them", () => {
  const xml = testcase("all", '<failure message="1 test step failed">…</failure>') + testcase("all &gt; one") +
    testcase("all &gt; two", '<failure message="no">…</failure>') + testcase("alone");
  const totals = readJunit(xml, 1, "unit tests");
  assert.equal(totals.passed, 2);
  assert.deepEqual(totals.failed, ["./a_test.ts: all > two"]);
});

Deno.test("readJunit() knows steps that a helper in another file made", () => {
  const xml = testcase("all", '<failure message="1 test step failed">…</failure>') +
    testcase("all &gt; one", '<failure message="no">…</failure>', "./helper.ts");
  assert.deepEqual(readJunit(xml, 1, "unit tests").failed, ["./a_test.ts: all > one"]);
});

Deno.test("readJunit() counts a test that fails outside of its steps", () => {
  const xml = testcase("all", '<failure message="Uncaught">…</failure>') + testcase("all &gt; one");
  assert.equal(totalsLine(readJunit(xml, 1, "unit tests")), "1 passed, 1 failed");
});

Deno.test("readJunit() finds the reason in the title of a skipped test", () => {
  const title = skippedTitle("runs", "needs a GPU").replaceAll(">", "&gt;");
  const totals = readJunit(testcase(title, "<skipped/>"), 0, "unit tests");
  assert.deepEqual(totals.skipped, [{ name: "./a_test.ts: runs", reason: "needs a GPU" }]);
  assert.equal(totalsLine(totals), "0 passed, 0 failed, 1 skipped");
});

Deno.test("readJunit() fails a run that crashed", () => {
  assert.equal(readJunit(undefined, 134, "unit tests").failed.length, 1);
  assert.equal(readJunit(testcase("one"), 134, "unit tests").failed.length, 1);
});
