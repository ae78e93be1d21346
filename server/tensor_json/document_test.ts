import assert from "node:assert/strict";
import { readJson } from "./document.ts";
import { JsonDouble, type JsonObject } from "./parser.ts";

const read = (text: string) => readJson(new TextEncoder().encode(text));

Deno.test("readJson() parses natively what that cannot change", () => {
  const text = '{"inputs":[{"name":"A","shape":[1,2],"datatype":"INT32","data":[[1,2]]}],"outputs":[{"name":"B"}]}';
  const document = read(text);
  assert.deepEqual(document, { root: JSON.parse(text), exact: false, fractions: false });
});

Deno.test("readJson() is exact about duplicate keys, wherever they are", () => {
  assert.equal((read('{"id":"a","id":"b"}').root as JsonObject).id, "a");
  const nested = read('{"inputs":[{"name":"A"},{"parameters":{"x":1,"x":2}}]}');
  assert.equal(nested.exact, true);
  assert.deepEqual(
    (nested.root as { inputs: JsonObject[] }).inputs[1].parameters,
    Object.assign(Object.create(null), { x: 1 }),
  );
});

Deno.test("readJson() is exact about what native parsing refuses or accepts too easily", () => {
  for (const text of ["[NaN]", '"\\ud83d\\ude00"', '{"shape":[1.0]}', '{"shape": [1e3, 2]}', '{"a":"b:c"}', "1\0"]) {
    assert.equal(read(text).exact, true, text);
  }
  assert.equal(readJson(Uint8Array.of(0x22, 0xff, 0x22)).exact, true);
});

Deno.test("readJson() says whether integers may have been written as fractions", () => {
  assert.equal(read('{"data":[1.0,2]}').fractions, true);
  assert.equal(read('{"data":[1e3]}').fractions, true);
  assert.equal(read('{"data":[1,2],"name":"OUTPUT0"}').fractions, false);
});

Deno.test("readJson() marks fractions in an exact document", () => {
  assert.deepEqual(read("[1.0,NaN]").root, [new JsonDouble(1, "1.0"), new JsonDouble(NaN)]);
});

Deno.test("readJson() leaves what is nested too deep to the exact parser, which says so", () => {
  assert.throws(() => read(`${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`), /nesting depth exceeds/);
});
