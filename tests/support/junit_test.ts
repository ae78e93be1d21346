import assert from "node:assert/strict";
import { junitCases } from "./junit.ts";

Deno.test("junitCases() reads what pytest writes", () => {
  const xml = `<testsuite><testcase classname="test_a" name="test_x[&quot;&lt;1&gt;&quot;]" time="0.1" />
    <testcase classname="test_a" name="test_y"><failure message="assert 1 == 2&#10;no">trace &amp; more</failure></testcase>
    <testcase classname="test_a" name="test_z"><skipped type="pytest.skip" message="no GPU">where</skipped></testcase>
    </testsuite>`;
  assert.deepEqual(junitCases(xml), [
    { name: 'test_x["<1>"]', group: "test_a" },
    { name: "test_y", group: "test_a", failure: "assert 1 == 2\nno\ntrace & more" },
    { name: "test_z", group: "test_a", skipped: "no GPU" },
  ]);
});
