import assert from "node:assert/strict";
import type { DataType } from "../../core/data_type.ts";
import { Status } from "../../core/status.ts";
import { encodeBytes } from "../../core/tensor.ts";
import { type JsonValue, parseExactly } from "./parser.ts";
import { readData } from "./read_data.ts";
import { encodeText } from "./text.ts";
import { writeData } from "./write_data.ts";

const encoder = new TextEncoder();

function read(datatype: DataType, count: number, json: string): Uint8Array {
  return readData("I", datatype, [count], count, parseExactly(encoder.encode(json)) as JsonValue[]);
}

function write(datatype: DataType, data: Uint8Array): string {
  return writeData({ name: "O", datatype, shape: [], data });
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Status, String(error));
    assert.equal(error.httpStatus, 400);
    return error.message;
  }
  return "";
}

Deno.test("writeData() writes what readData() read, for every datatype", () => {
  const texts: [DataType, string][] = [
    ["BOOL", "[true,false,true]"],
    ["UINT8", "[0,1,255]"],
    ["INT8", "[-128,0,127]"],
    ["UINT16", "[0,1,65535]"],
    ["INT16", "[-32768,0,32767]"],
    ["UINT32", "[0,1,4294967295]"],
    ["INT32", "[-2147483648,0,2147483647]"],
    ["UINT64", "[0,9007199254740993,18446744073709551615]"],
    ["INT64", "[-9223372036854775808,0,9223372036854775807]"],
    ["FP16", "[1,-2.5,65504]"],
    ["BF16", "[1,-2.5,NaN]"],
    ["FP32", "[0.5,-1.25,Infinity]"],
    ["FP64", "[0.1,-1e+308,1e-300]"],
    ["BYTES", '["abc","","é\\"\\\\\\n\\u0000"]'],
  ];
  for (const [datatype, text] of texts) assert.equal(write(datatype, read(datatype, 3, text)), text, datatype);
});

Deno.test("writeData() prints FP32 as the shortest double and keeps negative zeros", () => {
  assert.equal(
    write("FP32", read("FP32", 3, "[0.1,-0.0,3.4028235e38]")),
    "[0.10000000149011612,-0.0,3.4028234663852886e+38]",
  );
});

Deno.test("writeData() reads data at any alignment", () => {
  const body = new Uint8Array(1 + 8);
  body.set(new Uint8Array(new Int32Array([7, -9]).buffer), 1);
  assert.equal(write("INT32", body.subarray(1)), "[7,-9]");
});

Deno.test("writeData() keeps bytes of strings that are not UTF-8", () => {
  const text = write("BYTES", encodeBytes([Uint8Array.of(0, 0xff)]));
  assert.deepEqual(encodeText(text), Uint8Array.from('["\\u0000\xff"]', (char) => char.charCodeAt(0)));
});

Deno.test("readData() takes nested and ragged arrays in row-major order", () => {
  assert.equal(write("INT32", read("INT32", 5, "[[1,2],[[3],4],5]")), "[1,2,3,4,5]");
  assert.equal(write("BYTES", read("BYTES", 2, '[["a"],["b"]]')), '["a","b"]');
});

Deno.test("readData() makes big numbers infinite in FP32", () => {
  assert.equal(write("FP32", read("FP32", 2, "[1e39,-1e300]")), "[Infinity,-Infinity]");
});

Deno.test("readData() rounds to BF16 and FP16 with ties to even", () => {
  assert.equal(
    write("BF16", read("BF16", 3, "[1.00390625,1.01171875,3.39e38]")),
    "[1,1.015625,3.3895313892515355e+38]",
  );
  assert.equal(write("FP16", read("FP16", 2, "[0.1,65520]")), "[0.0999755859375,Infinity]");
});

Deno.test("readData() names the element that is out of range", () => {
  assert.match(
    messageOf(() => read("UINT8", 2, "[255,256]")),
    /element 1 of input 'I' is 256, out of the range of UINT8, which is 0 to 255/,
  );
  assert.match(messageOf(() => read("INT8", 1, "[-129]")), /element 0 .* -128 to 127/);
  assert.match(messageOf(() => read("INT32", 1, "[[4294967297]]")), /is 4294967297, out of the range of INT32/);
  assert.match(messageOf(() => read("UINT32", 1, "[4294967296]")), /out of the range of UINT32/);
});

Deno.test("readData() refuses elements of another type with the reference's text", () => {
  const texts: [DataType, string, string][] = [
    ["INT32", '["a"]', "attempt to access JSON non-signed-integer as signed-integer"],
    ["INT32", "[1.0]", "attempt to access JSON non-signed-integer as signed-integer"],
    ["INT32", "[true]", "attempt to access JSON non-signed-integer as signed-integer"],
    ["INT64", "[9223372036854775808]", "attempt to access JSON non-signed-integer as signed-integer"],
    ["UINT64", "[18446744073709551616]", "attempt to access JSON non-unsigned-integer as unsigned-integer"],
    ["UINT8", "[-1]", "attempt to access JSON non-unsigned-integer as unsigned-integer"],
    ["FP32", '["1"]', "attempt to access JSON non-number as double"],
    ["FP32", "[true]", "attempt to access JSON non-number as double"],
    ["BOOL", "[1]", "attempt to access JSON non-boolean as boolean"],
    ["FP64", "[null]", "attempt to access JSON non-number as double"],
  ];
  for (const [datatype, json, text] of texts) {
    assert.ok(messageOf(() => read(datatype, 1, json)).startsWith(`Unable to parse 'data': ${text} (element 0`), json);
  }
  assert.ok(
    messageOf(() => read("BYTES", 1, "[null]"))
      .startsWith("Unable to parse JSON bytes array: attempt to access JSON non-string as string"),
  );
});

Deno.test("readData() shows a number that it refuses as it was sent", () => {
  const shown = (datatype: DataType, json: string) =>
    messageOf(() => read(datatype, 1, json)).match(/element 0 of input 'I' is ([^,]*),/)?.[1];
  assert.equal(shown("UINT64", "[18446744073709551617]"), "18446744073709551617");
  assert.equal(shown("INT64", "[-9223372036854775809]"), "-9223372036854775809");
  assert.equal(shown("INT32", "[9007199254740993]"), "9007199254740993");
  assert.equal(shown("INT32", "[1.50e1]"), "1.50e1");
  assert.equal(shown("INT64", `[${"9".repeat(60)}]`), `${"9".repeat(40)}…`);
});

Deno.test("readData() refuses too many and too few elements", () => {
  for (
    const [datatype, json] of [["INT32", "[1,2,3]"], ["INT32", "[1]"], ["BYTES", '["a"]'], ["FP32", "[]"]] as const
  ) {
    assert.match(messageOf(() => read(datatype, 2, json)), /Shape does not match true shape of 'data' field/);
  }
});

Deno.test("readData() allows 100 levels of nesting and no more", () => {
  const nested = (depth: number) => "[".repeat(depth) + "1" + "]".repeat(depth);
  for (const datatype of ["INT32", "INT8", "INT64", "FP32"] as const) {
    assert.equal(write(datatype, read(datatype, 1, nested(100))), "[1]");
    assert.match(
      messageOf(() => read(datatype, 1, nested(101))),
      /nesting depth exceeds maximum allowed limit \(100\)/,
    );
  }
});
