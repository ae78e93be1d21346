import assert from "node:assert/strict";
import { unknownModel } from "../../core/errors/request.ts";
import { cutText, errorTrailers, percentEncode } from "./status.ts";

Deno.test("percentEncode() keeps printable ASCII and encodes the rest as UTF-8", () => {
  assert.equal(percentEncode("a b'~"), "a b'~");
  assert.equal(percentEncode("100% größe\n🙂"), "100%25 gr%C3%B6%C3%9Fe%0A%F0%9F%99%82");
});

Deno.test("errorTrailers() carry code and text of a Status, and of anything thrown", () => {
  assert.deepEqual(errorTrailers(unknownModel("ü")), [
    ["grpc-status", "5"],
    ["grpc-message", "Request for unknown model: '%C3%BC' is not found"],
  ]);
  assert.deepEqual(errorTrailers(new Error("boom")), [["grpc-status", "13"], ["grpc-message", "boom"]]);
});

Deno.test("cutText() cuts at the end of a character", () => {
  assert.equal(cutText("short"), "short");
  const cut = cutText("ü".repeat(5000));
  assert.match(cut, /^ü+…$/);
  assert(new TextEncoder().encode(cut).length <= 2503);
});
