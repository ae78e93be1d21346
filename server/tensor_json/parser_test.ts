import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { JsonDouble, type JsonObject, type JsonValue, parseExactly, type RepeatedKeys } from "./parser.ts";

const encoder = new TextEncoder();
const parse = (text: string) => parseExactly(encoder.encode(text));

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Status, String(error));
    assert.equal(error.code, "INVALID_ARGUMENT");
    return error.message;
  }
  return "";
}

/** As the native parser would have it. */
function plain(value: JsonValue): unknown {
  if (value instanceof JsonDouble) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

Deno.test("parseExactly() agrees with the native parser on JSON", () => {
  for (
    const text of [
      "null",
      " [ ] ",
      '{"a":[1,-2,3.5,1e2,-0.0,true,false,null],"b":{"c":"d"}}',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"',
      '"é€😀\\u0000"',
      "[[[[1]]],[2,[3]]]",
      "123456789012345",
      "0.1234567890123456789",
      '{"__proto__":1,"constructor":2}',
    ]
  ) assert.deepEqual(plain(parse(text)), JSON.parse(text), text);
});

Deno.test("parseExactly() keeps integers of 64 bits and tells them from other numbers", () => {
  assert.equal(parse("9007199254740993"), 9007199254740993n);
  assert.equal(parse("-9223372036854775808"), -9223372036854775808n);
  assert.equal(parse("18446744073709551615"), 18446744073709551615n);
  assert.deepEqual(parse("18446744073709551616"), new JsonDouble(18446744073709551616, "18446744073709551616"));
  assert.deepEqual(parse("1.0"), new JsonDouble(1, "1.0"));
  assert.deepEqual(parse("1e3"), new JsonDouble(1000, "1e3"));
  assert.equal(parse("1.5"), 1.5);
});

Deno.test("parseExactly() reads numbers that are not finite", () => {
  const values = parse("[NaN,-NaN,Inf,-Inf,Infinity,-Infinity]") as JsonDouble[];
  assert.deepEqual(values.map(({ value }) => value), [NaN, NaN, Infinity, -Infinity, Infinity, -Infinity]);
});

Deno.test("parseExactly() takes the first of duplicate keys", () => {
  assert.deepEqual(plain(parse('{"id":"a","id":"b"}')), { id: "a" });
});

Deno.test("parseExactly() tells which keys an object has more than once", () => {
  const repeated: RepeatedKeys = new Map();
  const parsed = parseExactly(encoder.encode('{"a":{"b":1,"b":2,"c":3,"b":4},"d":{"b":5},"a":6}'), repeated);
  const root = parsed as JsonObject;
  assert.deepEqual([...repeated.get(root)!], ["a"]);
  assert.deepEqual([...repeated.get(root.a as JsonObject)!], ["b"]);
  assert.equal(repeated.size, 2);
});

Deno.test("parseExactly() accepts a byte order mark and stops at a NUL", () => {
  assert.deepEqual(plain(parse("\ufeff{}")), {});
  assert.deepEqual(plain(parse("[1]\0garbage")), [1]);
});

Deno.test("parseExactly() keeps bytes that are not UTF-8", () => {
  assert.equal(parseExactly(Uint8Array.of(0x22, 0x61, 0xff, 0x62, 0x22)), "a\udcffb");
});

Deno.test("parseExactly() says what is wrong and at which byte, as RapidJSON does", () => {
  const texts: [string, string][] = [
    ["", "The document is empty. at 0"],
    ["  ", "The document is empty. at 2"],
    ["hello", "Invalid value. at 0"],
    ['{"inputs":[', "Invalid value. at 11"],
    ["{'inputs':[]}", "Missing a name for object member. at 1"],
    ["{", "Missing a name for object member. at 1"],
    ['{"a":1,}', "Missing a name for object member. at 7"],
    ['{"a" 1}', "Missing a colon after a name of object member. at 5"],
    ['{"a":1', "Missing a comma or '}' after an object member. at 6"],
    ["[1 2]", "Missing a comma or ] after an array element. at 3"],
    ["[1,]", "Invalid value. at 3"],
    ["{} x", "The document root must not be followed by other values. at 3"],
    ['{"i', "Missing a closing quotation mark in string. at 3"],
    ['"a\nb"', "Invalid encoding in string. at 2"],
    ['"\\x"', "Invalid escape character in string. at 1"],
    ['"\\u12g4"', "Incorrect hex digit after \\u escape in string. at 1"],
    ['"a\\ud800"', "The surrogate pair in string is invalid. at 2"],
    ['"\\udc00"', "The surrogate pair in string is invalid. at 1"],
    ['"\\ud800\\u0041"', "The surrogate pair in string is invalid. at 1"],
    ["[1e400]", "Number too big to be stored in double. at 1"],
    ["1.", "Miss fraction part in number. at 2"],
    ["1e+", "Miss exponent in number. at 3"],
    ["-", "Invalid value. at 1"],
    ["nul", "Invalid value. at 3"],
    ["Infinite", "Invalid value. at 7"],
    ["// comment", "Invalid value. at 0"],
    ['["é",x]', "Invalid value. at 6"],
  ];
  for (const [text, expected] of texts) {
    assert.equal(messageOf(() => parse(text)), `failed to parse the request JSON buffer: ${expected}`, text);
  }
});

Deno.test("parseExactly() refuses nesting that could exhaust the stack", () => {
  assert.equal(
    messageOf(() => parse("[".repeat(1_000_000))),
    "JSON nesting depth exceeds maximum allowed limit (100)",
  );
  assert.equal(
    messageOf(() => parse('{"a":'.repeat(30_000))),
    "JSON nesting depth exceeds maximum allowed limit (100)",
  );
});
