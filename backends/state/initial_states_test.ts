import { create, type MessageInitShape } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { encodeBytes } from "../../core/tensor.ts";
import {
  DataType,
  ModelConfigSchema,
  type ModelSequenceBatching_StateSchema,
} from "../../proto/gen/model_config_pb.ts";
import { readStates } from "./initial_states.ts";

type State = MessageInitShape<typeof ModelSequenceBatching_StateSchema>;

const configOf = (...state: State[]) =>
  create(ModelConfigSchema, { name: "m", schedulingChoice: { case: "sequenceBatching", value: { state } } });

const names = { inputName: "S", outputName: "T" };
const fromFile = (dataType: DataType, dims: bigint[], file: string): State => ({
  ...names,
  dataType,
  dims,
  initialState: [{ name: "i", dataType, dims, stateData: { case: "dataFile", value: file } }],
});

async function withFile(data: Uint8Array, test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/initial_state`);
    await Deno.writeFile(`${directory}/initial_state/first`, data);
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("readStates() starts from zeros, with 1 for free dimensions and empty strings", async () => {
  const states = await readStates(
    configOf(
      { ...names, dataType: DataType.TYPE_FP32, dims: [2n, -1n, 3n] },
      { ...names, dataType: DataType.TYPE_STRING, dims: [-1n] },
    ),
    "/nowhere",
  );
  assert.deepEqual(states, [
    { ...names, datatype: "FP32", shape: [2, 1, 3], data: new Uint8Array(24) },
    { ...names, datatype: "BYTES", shape: [1], data: new Uint8Array(4) },
  ]);
});

Deno.test("readStates() takes zero_data and its dims", async () => {
  const [{ shape, data }] = await readStates(
    configOf({
      ...names,
      dataType: DataType.TYPE_INT64,
      dims: [-1n],
      initialState: [{
        name: "i",
        dataType: DataType.TYPE_INT64,
        dims: [4n],
        stateData: { case: "zeroData", value: true },
      }],
    }),
    "/nowhere",
  );
  assert.deepEqual([shape, data.length], [[4], 32]);
});

Deno.test("readStates() reads files, as far as the state needs them", async () => {
  await withFile(Uint8Array.of(1, 2, 3, 4, 5), async (directory) => {
    const [{ data }] = await readStates(configOf(fromFile(DataType.TYPE_INT32, [1n], "first")), directory);
    assert.deepEqual([...data], [1, 2, 3, 4]);
  });
  const strings = encodeBytes(["ab", "c", "rest"]);
  await withFile(strings, async (directory) => {
    const [{ data }] = await readStates(configOf(fromFile(DataType.TYPE_STRING, [2n], "first")), directory);
    assert.deepEqual(data, strings.slice(0, 11));
  });
});

Deno.test("readStates() names a file that is missing or too short", async () => {
  await withFile(Uint8Array.of(1, 0, 0), async (directory) => {
    await assert.rejects(readStates(configOf(fromFile(DataType.TYPE_FP32, [2n], "x")), directory), {
      code: "INTERNAL",
      message: `failed to open text file for read ${directory}/initial_state/x: No such file or directory`,
    });
    await assert.rejects(readStates(configOf(fromFile(DataType.TYPE_FP32, [2n], "first")), directory), {
      code: "INVALID_ARGUMENT",
      message: /^initial_state setting expects 8 bytes .*initial_state\/first only has 3 bytes$/,
    });
    await assert.rejects(readStates(configOf(fromFile(DataType.TYPE_STRING, [1n], "first")), directory), {
      message: /expects 1 strings/,
    });
  });
});

Deno.test("readStates() refuses an initial state of another type", async () => {
  const state: State = {
    ...names,
    dataType: DataType.TYPE_FP32,
    dims: [1n],
    initialState: [{
      name: "i",
      dataType: DataType.TYPE_INT32,
      dims: [1n],
      stateData: { case: "zeroData", value: true },
    }],
  };
  await assert.rejects(readStates(configOf(state), "/nowhere"), {
    message: /'initial_state' of state input 'S' has data type TYPE_INT32, expected TYPE_FP32/,
  });
});
