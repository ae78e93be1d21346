import { join } from "node:path";
import { configTypeName, DATA_TYPES, ELEMENT_SIZE } from "../../core/data_type.ts";
import { fileNotReadable } from "../../core/errors/repository.ts";
import { initialStateStrings, initialStateTooShort, initialStateType } from "../../core/errors/sequence.ts";
import { elementCount } from "../../core/tensor.ts";
import type { ModelConfig, ModelSequenceBatching_State as State } from "../../proto/gen/model_config_pb.ts";
import { whyNotReadable } from "../warmup_samples.ts";
import type { StateSpec } from "./stateful_model.ts";

/**
 * The implicit states of a configuration and what they start from: zeros, with 1 for each free dimension, or its
 * `initial_state`, whose files are in `<modelDirectory>/initial_state/`.
 *
 * @throws Status INVALID_ARGUMENT or INTERNAL with Triton's text where the data is missing or too short.
 */
export function readStates(config: ModelConfig, modelDirectory: string): Promise<StateSpec[]> {
  if (config.schedulingChoice.case !== "sequenceBatching") return Promise.resolve([]);
  return Promise.all(config.schedulingChoice.value.state.map((state) => specOf(state, modelDirectory)));
}

async function specOf({ inputName, outputName, dataType, dims, initialState }: State, directory: string) {
  const datatype = DATA_TYPES[dataType]!;
  const initial = initialState.at(0);
  const shape = (initial?.dims ?? dims).map((dim) => dim === -1n ? 1 : Number(dim));
  const count = elementCount(shape);
  const spec = { inputName, outputName, datatype, shape };
  // a length of 0 for each string
  const zeros = () => new Uint8Array(count * (datatype === "BYTES" ? 4 : ELEMENT_SIZE[datatype]));
  if (!initial) return { ...spec, data: zeros() };
  const given = DATA_TYPES[initial.dataType];
  if (given !== datatype) {
    throw initialStateType(inputName, given ? configTypeName(given) : "TYPE_INVALID", configTypeName(datatype));
  }
  if (initial.stateData.case !== "dataFile") return { ...spec, data: zeros() };
  const path = join(directory, "initial_state", initial.stateData.value);
  let data: Uint8Array;
  try {
    data = await Deno.readFile(path);
  } catch (thrown) {
    throw fileNotReadable(path, whyNotReadable(thrown));
  }
  if (datatype === "BYTES") {
    const length = stringsLength(data, count);
    if (length === undefined) throw initialStateStrings(inputName, path, count);
    return { ...spec, data: data.slice(0, length) };
  }
  const size = count * ELEMENT_SIZE[datatype];
  if (data.length < size) throw initialStateTooShort(inputName, path, size, data.length);
  return { ...spec, data: data.slice(0, size) };
}

/** Bytes of the first `count` strings; undefined where there are fewer. */
function stringsLength(data: Uint8Array, count: number): number | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 4 > data.length) return undefined;
    at += 4 + view.getUint32(at, true);
    if (at > data.length) return undefined;
  }
  return at;
}
