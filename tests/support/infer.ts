/** A tensor as the binary extension of the HTTP protocol carries it. */
export interface WireTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Little-endian bytes; BYTES elements with their 4-byte lengths. */
  readonly data: Uint8Array;
}

/** A request body of the binary extension, and the headers that go with it. */
export function binaryRequest(
  inputs: readonly WireTensor[],
  parameters: Record<string, unknown> = {},
): { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> } {
  const json = new TextEncoder().encode(JSON.stringify({
    parameters: { binary_data_output: true, ...parameters },
    inputs: inputs.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: data.length },
    })),
  }));
  const body = new Uint8Array(json.length + inputs.reduce((sum, { data }) => sum + data.length, 0));
  body.set(json);
  let at = json.length;
  for (const { data } of inputs) {
    body.set(data, at);
    at += data.length;
  }
  const headers = {
    "content-type": "application/octet-stream",
    "inference-header-content-length": String(json.length),
  };
  return { headers, body };
}

/** The outputs of a response by name; binary ones only. */
export function binaryOutputs(headers: Headers, body: Uint8Array): Map<string, WireTensor> {
  const jsonSize = Number(headers.get("inference-header-content-length") ?? body.length);
  const json = JSON.parse(new TextDecoder().decode(body.subarray(0, jsonSize)));
  const outputs = new Map<string, WireTensor>();
  let at = jsonSize;
  for (const { name, datatype, shape, parameters } of json.outputs) {
    const size: number = parameters?.binary_data_size ?? 0;
    outputs.set(name, { name, datatype, shape, data: body.subarray(at, at += size) });
  }
  return outputs;
}

/**
 * Runs a model over HTTP with binary tensors both ways.
 *
 * @param parameters of the request, as `sequence_id`.
 * @throws Error with the server's sentence.
 */
export async function infer(
  http: string,
  model: string,
  inputs: readonly WireTensor[],
  parameters?: Record<string, unknown>,
): Promise<Map<string, WireTensor>> {
  const request = { method: "POST", ...binaryRequest(inputs, parameters) };
  const answer = await fetch(`${http}/v2/models/${model}/infer`, request);
  const body = await answer.bytes();
  if (answer.status !== 200) throw new Error(`${model}: ${answer.status} ${new TextDecoder().decode(body)}`);
  return binaryOutputs(answer.headers, body);
}

/** INT32 values as a tensor. */
export function int32(name: string, shape: readonly number[], values: readonly number[]): WireTensor {
  return { name, datatype: "INT32", shape, data: new Uint8Array(Int32Array.from(values).buffer) };
}

/** The values of an INT32 or FP32 tensor. */
export function numbers({ datatype, data }: WireTensor): Int32Array | Float32Array {
  const bytes = data.slice().buffer;
  return datatype === "INT32" ? new Int32Array(bytes) : new Float32Array(bytes);
}

/** Asks `simple` for 16 sums and throws where they are wrong: the sign of life after bad input. */
export async function simpleWorks(http: string): Promise<void> {
  const a = Array.from({ length: 16 }, (_, i) => i * 3);
  const b = Array.from({ length: 16 }, (_, i) => 100 - i);
  const outputs = await infer(http, "simple", [int32("INPUT0", [1, 16], a), int32("INPUT1", [1, 16], b)]);
  const sums = [...numbers(outputs.get("OUTPUT0")!)];
  if (sums.some((sum, i) => sum !== a[i] + b[i])) throw new Error(`simple gives ${sums}`);
}
