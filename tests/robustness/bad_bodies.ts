/** Requests that a client could send by mistake or on purpose. Each has to get a status and a sentence. */
import { bytes, noise } from "./raw.ts";

export interface BadRequest {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  /** Status expected; default 400. */
  readonly status?: number;
  /** Words of the sentence. */
  readonly says?: RegExp;
}

const SIMPLE = "/v2/models/simple/infer";
const IDENTITY = "/v2/models/simple_identity/infer";

/** One input of `simple` as JSON, with something wrong. */
function input(wrong: Record<string, unknown>): Record<string, unknown> {
  return { name: "INPUT0", datatype: "INT32", shape: [1, 16], data: Array(16).fill(1), ...wrong };
}

/** A request for `simple` whose first input is wrong. */
function simple(wrong: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ inputs: [input(wrong), input({ name: "INPUT1" })], ...more });
}

/** The same with one part of the text put in by hand, for what JSON.stringify does not write. */
function text(shape: string, data: string): string {
  const second = JSON.stringify(input({ name: "INPUT1" }));
  return `{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":${shape},"data":${data}},${second}]}`;
}

const SIXTEEN = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]";

/** Bytes after a JSON header, as the binary extension has them. */
function binary(json: unknown, data: Uint8Array, headerLength?: string): Pick<BadRequest, "headers" | "body"> {
  const header = bytes(JSON.stringify(json));
  const body = new Uint8Array(header.length + data.length);
  body.set(header);
  body.set(data, header.length);
  return { headers: { "inference-header-content-length": headerLength ?? String(header.length) }, body };
}

function identity(size: number, shape: number[]): unknown {
  return {
    inputs: [{ name: "INPUT0", datatype: "BYTES", shape, parameters: { binary_data_size: size } }],
  };
}

export const NOT_JSON: Record<string, BadRequest> = {
  "half an object": { body: '{"inputs":[' },
  "words": { body: "hello" },
  "random bytes": { body: noise(500, 1) },
  "something after the end": { body: simple({}) + "x" },
  "single quotes": { body: "{'inputs':[]}" },
  "a comment": { body: "{/* a */}" },
  "a lone surrogate": { body: simple({}, { id: "X" }).replace('"X"', '"\\ud800"') },
  "a bad escape": { body: '{"id":"\\x"}' },
  "a control character in a string": { body: '{"id":"a\u0001b"}' },
  "100,000 open brackets": { body: "[".repeat(100_000) },
  "100,000 nested objects": { body: '{"a":'.repeat(100_000) },
  "data nested 50,000 deep": { body: text("[1,16]", "[".repeat(50_000) + "1" + "]".repeat(50_000)) },
  "UTF-16": { body: new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]) },
};

export const WRONG_JSON: Record<string, BadRequest> = {
  "a list": { body: "[]" },
  "null": { body: "null" },
  "a number": { body: "5" },
  "a string": { body: '"inputs"' },
  "no inputs": { body: "{}", says: /inputs/ },
  "inputs that are no list": { body: '{"inputs":{}}', says: /inputs/ },
  "inputs that are no objects": { body: '{"inputs":[1,2]}' },
  "no input at all": { body: '{"inputs":[]}' },
  "an input without a name": { body: simple({ name: undefined }), says: /name/ },
  "an input without a shape": { body: simple({ shape: undefined }), says: /shape/ },
  "an input without a datatype": { body: simple({ datatype: undefined }), says: /datatype/ },
  "an input without data": { body: simple({ data: undefined }), says: /data/ },
  "a name that is a number": { body: simple({ name: 5 }) },
  "an unknown datatype": { body: simple({ datatype: "INT33" }), says: /INPUT0/ },
  "a datatype that is an object": { body: simple({ datatype: {} }) },
  "a datatype from the prototype": { body: simple({ datatype: "constructor" }), says: /INPUT0/ },
  "a shape that is a number": { body: simple({ shape: 16 }) },
  "a negative dimension": { body: simple({ shape: [-1, 16] }) },
  "a dimension with a fraction": { body: simple({ shape: [1, 16.5] }) },
  "a dimension that is text": { body: simple({ shape: ["1", "16"] }) },
  "a dimension of 2^63": { body: text("[1,9223372036854775808]", SIXTEEN) },
  "a dimension of 10^400": { body: text(`[1,1${"0".repeat(400)}]`, SIXTEEN) },
  "dimensions whose product overflows": { body: text("[4294967296,4294967296,4294967296]", SIXTEEN) },
  "1000 dimensions": { body: simple({ shape: Array(1000).fill(1) }) },
  "too few values": { body: simple({ data: [1, 2, 3] }), says: /Shape|shape|data/ },
  "too many values": { body: simple({ data: Array(17).fill(1) }), says: /Shape|shape|data/ },
  "values that are text": { body: simple({ data: Array(16).fill("1") }) },
  "values that are null": { body: simple({ data: Array(16).fill(null) }) },
  "values that are objects": { body: simple({ data: Array(16).fill({}) }) },
  "integers with fractions": { body: simple({ data: Array(16).fill(1.5) }) },
  "integers beyond the type": { body: simple({ data: [...Array(15).fill(1), 2147483648] }), says: /INPUT0|range/ },
  "integers beyond everything": { body: text("[1,16]", `[1e400${",1".repeat(15)}]`) },
  "data that is an object": { body: simple({ data: { 0: 1 } }) },
  "an id that is an object": { body: simple({}, { id: {} }) },
  "parameters that are a list": { body: simple({}, { parameters: [] }) },
  "a parameter that is an object": { body: simple({}, { parameters: { a: {} } }) },
  "a reserved parameter": { body: simple({}, { parameters: { triton_x: 1 } }), says: /triton_/ },
  "a priority that is text": { body: simple({}, { parameters: { priority: "high" } }) },
  "outputs that are no list": { body: simple({}, { outputs: 5 }) },
  "an output without a name": { body: simple({}, { outputs: [{}] }), says: /name/ },
  "an unknown output": { body: simple({}, { outputs: [{ name: "__proto__" }] }), says: /__proto__/ },
  "the same output twice": { body: simple({}, { outputs: [{ name: "OUTPUT0" }, { name: "OUTPUT0" }] }) },
  "a negative classification": {
    body: simple({}, { outputs: [{ name: "OUTPUT0", parameters: { classification: -1 } }] }),
  },
  "a region of shared memory that nobody made": {
    body: simple({ data: undefined, parameters: { shared_memory_region: "r", shared_memory_byte_size: 64 } }),
    status: 404,
  },
  "data and a binary size": { body: simple({ parameters: { binary_data_size: 64 } }), says: /only one/ },
  "the same input twice": { body: JSON.stringify({ inputs: [input({}), input({})] }), says: /INPUT0/ },
  "strings for numbers": { body: JSON.stringify({ inputs: [input({ name: "INPUT0" })] }).replace("INT32", "BYTES") },
};

export const WRONG_BINARY: Record<string, BadRequest> = {
  "a header length that is text": { ...binary(identity(5, [1, 1]), bytes("abcde"), "x") },
  "a header length with a tail": { ...binary(identity(5, [1, 1]), bytes("abcde"), "79x") },
  "a negative header length": { ...binary(identity(5, [1, 1]), bytes("abcde"), "-1") },
  "a header length beyond the body": { ...binary(identity(5, [1, 1]), bytes("abcde"), "100000") },
  "a header length of 2^40": { ...binary(identity(5, [1, 1]), bytes("abcde"), "1099511627776") },
  "a header length that cuts the JSON": { ...binary(identity(5, [1, 1]), bytes("abcde"), "20") },
  "fewer bytes than said": { path: IDENTITY, ...binary(identity(50, [1, 1]), bytes("abcde")) },
  "more bytes than said": { path: IDENTITY, ...binary(identity(5, [1, 1]), bytes("\x01\0\0\0ab")) },
  "a negative size": { path: IDENTITY, ...binary(identity(-5, [1, 1]), bytes("abcde")) },
  "a size of 2^60": { path: IDENTITY, ...binary(identity(2 ** 60, [1, 1]), bytes("abcde")) },
  "a size with a fraction": { path: IDENTITY, ...binary(identity(1.5, [1, 1]), bytes("abcde")) },
  "a string whose length points past the end": {
    path: IDENTITY,
    ...binary(identity(8, [1, 1]), bytes("\x09\0\0\0abcd")),
  },
  "a string of 4 GB": {
    path: IDENTITY,
    ...binary(identity(8, [1, 1]), new Uint8Array([255, 255, 255, 255, 1, 2, 3, 4])),
  },
  "half a length": { path: IDENTITY, ...binary(identity(2, [1, 1]), bytes("\x01\0")) },
  "fewer strings than the shape says": {
    path: IDENTITY,
    ...binary(identity(5, [1, 2]), bytes("\x01\0\0\0a")),
  },
  "more strings than the shape says": {
    path: IDENTITY,
    ...binary(identity(10, [1, 1]), bytes("\x01\0\0\0a\x01\0\0\0b")),
  },
  "10^12 strings in 5 bytes": { path: IDENTITY, ...binary(identity(5, [1, 1e12]), bytes("\x01\0\0\0a")) },
  "a raw request to a model with two inputs": {
    headers: { "inference-header-content-length": "0" },
    body: new Uint8Array(64),
    says: /[Rr]aw/,
  },
};

const GZIP_OF_NOTHING = new Uint8Array([31, 139, 8, 0, 0, 0, 0, 0, 0, 3]);

export const WRONG_HEADERS: Record<string, BadRequest> = {
  "an encoding nobody knows": { headers: { "content-encoding": "br" }, body: "{}", status: 501 },
  "gzip that is not": { headers: { "content-encoding": "gzip" }, body: simple({}) },
  "deflate that is not": { headers: { "content-encoding": "deflate" }, body: noise(100, 3) },
  "gzip that is cut": { headers: { "content-encoding": "gzip" }, body: GZIP_OF_NOTHING },
  "compressed nothing": { headers: { "content-encoding": "gzip" }, body: "" },
};

export const WRONG_PATHS: Record<string, BadRequest> = {
  "a folder above": { path: "/v2/models/..%2f..%2fetc%2fpasswd/infer", status: 404 },
  "dots": { path: "/v2/models/%2e%2e/config", method: "GET", status: 404 },
  "a NUL": { path: "/v2/models/simple%00/config", method: "GET", status: 404 },
  "a broken escape": { path: "/v2/models/%zz/config", method: "GET", status: 404 },
  "a name of 10,000 characters": { path: `/v2/models/${"x".repeat(10_000)}/config`, method: "GET", status: 404 },
  "a name from the prototype": { path: "/v2/models/__proto__", method: "GET", status: 404 },
  "another name from the prototype": { path: "/v2/models/constructor/infer", status: 404 },
  "version 0": { path: "/v2/models/simple/versions/0", method: "GET", status: 404 },
  "version abc": { path: "/v2/models/simple/versions/abc", method: "GET", status: 404 },
  "version -1": { path: "/v2/models/simple/versions/-1", method: "GET", status: 404 },
  "a version of 30 digits": { path: `/v2/models/simple/versions/${"9".repeat(30)}`, method: "GET", status: 400 },
  "no model": { path: "/v2/models//infer", status: 404 },
  "a slash at the end": { path: "/v2/models/simple/", method: "GET", status: 404 },
  "two slashes": { path: "//v2//models", method: "GET", status: 404 },
  "no such route": { path: "/v3", method: "GET", status: 404 },
  "a wrong method": { path: "/v2/models/simple", method: "DELETE", status: 405 },
  "a method nobody knows": { path: "/v2/models/simple/infer", method: "BREW", status: 405 },
};

/** The requests with their defaults filled in. */
export function complete(request: BadRequest): Required<Omit<BadRequest, "says" | "body">> & BadRequest {
  const method = request.method ?? "POST";
  return {
    path: SIMPLE,
    headers: {},
    status: 400,
    ...request,
    method,
    ...(method === "POST" && request.body === undefined && { body: simple({}) }),
  };
}
