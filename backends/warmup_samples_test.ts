import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { configTypeOf, type DataType, ELEMENT_SIZE } from "../core/data_type.ts";
import { decodeStrings, encodeBytes, type Tensor } from "../core/tensor.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import type { ModelWarmup_Input } from "../proto/gen/model_config_pb.ts";
import { warmupSamples } from "./warmup_samples.ts";

async function sampleInput(
  datatype: DataType,
  dims: number[],
  inputDataType: ModelWarmup_Input["inputDataType"],
  directory = "/nonexistent",
): Promise<Tensor> {
  const config = create(ModelConfigSchema, {
    name: "m",
    input: [{ name: "IN" }],
    modelWarmup: [{
      name: "w",
      batchSize: 1,
      inputs: { IN: { dataType: configTypeOf(datatype), dims: dims.map(BigInt), inputDataType } },
    }],
  });
  return (await warmupSamples(config, directory))[0].requests[0].inputs[0];
}

const TYPES = Object.keys(ELEMENT_SIZE) as DataType[];

Deno.test("warmupSamples() makes zeros of every type, and empty strings", async () => {
  for (const type of TYPES) {
    const { data, shape } = await sampleInput(type, [2, 3], { case: "zeroData", value: true });
    assert.deepEqual(shape, [2, 3]);
    assert.deepEqual(data, new Uint8Array(6 * (ELEMENT_SIZE[type] || 4)), type);
  }
});

Deno.test("warmupSamples() makes random data that is valid for every type", async () => {
  for (const type of TYPES) {
    const { data } = await sampleInput(type, [100], { case: "randomData", value: true });
    if (type === "BYTES") {
      for (const text of decodeStrings(data)) assert.match(text, /^\d$/);
      continue;
    }
    assert.equal(data.length, 100 * ELEMENT_SIZE[type]);
    const view = new DataView(data.buffer, data.byteOffset);
    for (let i = 0; i < 100; i++) {
      if (type === "FP32") assert.ok(view.getFloat32(4 * i, true) >= 0 && view.getFloat32(4 * i, true) < 1);
      if (type === "FP64") assert.ok(view.getFloat64(8 * i, true) >= 0 && view.getFloat64(8 * i, true) < 1);
      if (type === "FP16") assert.ok(view.getUint16(2 * i, true) < 0x3c00);
      if (type === "BF16") assert.ok(view.getUint16(2 * i, true) < 0x3f80);
      if (type === "INT64") assert.ok([0n, 1n].includes(view.getBigInt64(8 * i, true)));
    }
    assert.ok(new Set(data).size > 1, `${type} is not all the same`);
  }
});

Deno.test("warmupSamples() takes as many bytes of a file as the tensor has, and all of them for strings", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/warmup`);
    await Deno.writeFile(`${directory}/warmup/numbers`, Uint8Array.of(1, 0, 2, 0, 3, 0));
    await Deno.writeFile(`${directory}/warmup/strings`, encodeBytes(["a", "bc"]));
    const file = (value: string) => ({ case: "inputDataFile" as const, value });
    const numbers = await sampleInput("INT16", [2], file("numbers"), directory);
    assert.deepEqual(numbers.data, Uint8Array.of(1, 0, 2, 0));
    const strings = await sampleInput("BYTES", [2], file("strings"), directory);
    assert.deepEqual(decodeStrings(strings.data), ["a", "bc"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("warmupSamples() makes batch_size requests of one row, and keeps controls apart", async () => {
  const input = {
    dataType: configTypeOf("FP32"),
    dims: [3n],
    inputDataType: { case: "zeroData" as const, value: true },
  };
  const config = create(ModelConfigSchema, {
    name: "m",
    maxBatchSize: 8,
    input: [{ name: "IN" }],
    schedulingChoice: { case: "sequenceBatching", value: { controlInput: [{ name: "START" }] } },
    modelWarmup: [{ name: "w", batchSize: 2, count: 5, inputs: { IN: input, START: input } }, { name: "skipped" }],
  });
  const samples = await warmupSamples(config, "/nonexistent");
  assert.deepEqual(samples.map(({ name, count }) => [name, count]), [["w", 5]]);
  const [{ requests, overrides }] = samples;
  assert.deepEqual(requests.map(({ inputs }) => inputs.map(({ name, shape }) => [name, shape])), [
    [["IN", [1, 3]]],
    [["IN", [1, 3]]],
  ]);
  assert.deepEqual(overrides.map(({ name }) => name), ["START"]);
  assert.deepEqual([requests[0].sequenceStart, requests[0].correlationId], [true, 1]);
});
