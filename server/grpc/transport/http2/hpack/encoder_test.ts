import assert from "node:assert/strict";
import { HeaderDecoder } from "./decoder.ts";
import { encodeFields, encodeSendable, encodeStatus } from "./encoder.ts";
import { STATIC_NAMES, STATIC_TABLE } from "./static_table.ts";

Deno.test("STATIC_TABLE has the entries of RFC 7541 at their places", () => {
  assert.equal(STATIC_TABLE.length, 62);
  for (
    const [index, name, value] of [
      [1, ":authority", ""],
      [2, ":method", "GET"],
      [5, ":path", "/index.html"],
      [8, ":status", "200"],
      [14, ":status", "500"],
      [15, "accept-charset", ""],
      [16, "accept-encoding", "gzip, deflate"],
      [31, "content-type", ""],
      [32, "cookie", ""],
      [46, "location", ""],
      [54, "server", ""],
      [61, "www-authenticate", ""],
    ] as const
  ) assert.deepEqual(STATIC_TABLE[index], { name, value, good: undefined });
  assert.equal(STATIC_NAMES.get(":status"), 8);
  assert.equal(STATIC_NAMES.get(":method"), 2);
});

Deno.test("encodeStatus() takes one byte where the table has the status", () => {
  assert.deepEqual([...encodeStatus(200)], [0x88]);
  assert.deepEqual([...encodeStatus(404)], [0x8d]);
  const decoded = new HeaderDecoder(0, 1000).decode(encodeStatus(415)).fields;
  assert.deepEqual(decoded, [{ name: ":status", value: "415", good: undefined }]);
});

Deno.test("encodeSendable() encodes a list once, without what cannot be sent", () => {
  const good = [["content-type", "application/grpc"], ["x", ""]] as const;
  const all = [...good, ["X", "y"], ["a b", "y"], [":status", "200"], ["x", "a\nb"], ["x", "ü"]] as const;
  const bytes = encodeSendable(all);
  assert.equal(encodeSendable(all), bytes);
  assert.deepEqual(bytes, encodeFields(good));
});

Deno.test("encodeFields() leaves the client's table as it is", () => {
  const fields = [["content-type", "application/grpc"], ["grpc-status", "0"]] as const;
  const bytes = encodeFields(fields);
  const decoder = new HeaderDecoder(0, 1000); // nothing fits into its table
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(decoder.decode(bytes).fields.map(({ name, value }) => [name, value]), fields);
  }
});
