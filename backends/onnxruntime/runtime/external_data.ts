import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { externalDataMissing, externalDataOutside } from "../../../core/errors/onnxruntime_execution.ts";

/** A file of weights beside a model, as onnxruntime-web takes it. */
export interface ExternalData {
  /** The location as the model names it. */
  readonly path: string;
  readonly data: Uint8Array;
}

/** A message kind: which fields lead further, and to what. */
interface Descent {
  readonly [field: number]: Descent;
}

/** `StringStringEntryProto` of a tensor's `external_data`: read, not descended into. */
const ENTRY: Descent = {};
const TENSOR: Descent = { 13: ENTRY };
const SPARSE: Descent = { 1: TENSOR, 2: TENSOR };
const ATTRIBUTE: Record<number, Descent> = { 5: TENSOR, 10: TENSOR, 22: SPARSE, 23: SPARSE };
const NODE: Descent = { 5: ATTRIBUTE };
const GRAPH: Descent = { 1: NODE, 5: TENSOR, 15: SPARSE };
ATTRIBUTE[6] = GRAPH;
ATTRIBUTE[11] = GRAPH;
const MODEL: Descent = { 7: GRAPH, 25: { 7: NODE } };

/**
 * Locations of the external data that an ONNX model's tensors name, wherever in the graph they are. Weights inside the
 * model are passed over unread. Bytes that are no ONNX model give what was found before they went wrong.
 */
export function externalDataLocations(model: Uint8Array): Set<string> {
  const locations = new Set<string>();
  try {
    collect(new BinaryReader(model), model.byteLength, MODEL, locations);
  } catch {
    // ONNX Runtime says better what is wrong with the file
  }
  return locations;
}

function collect(reader: BinaryReader, end: number, kind: Descent, locations: Set<string>): void {
  while (reader.pos < end) {
    const [field, wire] = reader.tag();
    const next = kind[field];
    if (!next || wire !== WireType.LengthDelimited) {
      reader.skip(wire, field);
      continue;
    }
    const length = reader.uint32();
    const last = reader.pos + length;
    if (next === ENTRY) readEntry(reader, last, locations);
    else collect(reader, last, next, locations);
  }
}

function readEntry(reader: BinaryReader, end: number, locations: Set<string>): void {
  let key = "";
  let value = "";
  while (reader.pos < end) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) key = reader.string();
    else if (field === 2 && wire === WireType.LengthDelimited) value = reader.string();
    else reader.skip(wire, field);
  }
  if (key === "location") locations.add(value);
}

/**
 * Reads the external data of a model for a runtime that cannot open files itself.
 *
 * @param modelPath the model's file; locations are relative to its directory.
 * @throws Status for a location outside that directory, or a file that cannot be read.
 */
export async function readExternalData(model: Uint8Array, modelPath: string, name: string): Promise<ExternalData[]> {
  const files: ExternalData[] = [];
  for (const location of externalDataLocations(model)) {
    const relative = normalize(location);
    if (isAbsolute(relative) || relative === ".." || /^\.\.[\\/]/.test(relative)) {
      throw externalDataOutside(name, location);
    }
    const path = join(dirname(modelPath), relative);
    try {
      files.push({ path: location, data: await Deno.readFile(path) });
    } catch (thrown) {
      throw externalDataMissing(name, location, path, thrown instanceof Error ? thrown.message : String(thrown));
    }
  }
  return files;
}
