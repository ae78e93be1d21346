import { DATA_TYPES, ELEMENT_SIZE } from "../core/data_type.ts";
import { rawInputCount, rawShapeUnknown, rawStringShape, wrongByteSize } from "../core/errors/request.ts";
import { elementCount, encodeBytes, type Tensor } from "../core/tensor.ts";
import type { Model } from "./model.ts";

/**
 * The one input of a raw binary request: a body that is nothing but the tensor's bytes. At most one dimension of the
 * model's input may be free; it follows from the size. A model that batches gets one row. A string is the whole body, and
 * gets its length prefix here.
 *
 * @param id the request's id, for error texts.
 * @throws Status INVALID_ARGUMENT
 */
export function deduceRawInput(model: Model, id: string, bytes: Uint8Array): Tensor {
  const { config } = model;
  if (config.input.length !== 1) throw rawInputCount(id, model.name, config.input.length);
  const [{ name, dataType }] = config.input;
  const datatype = DATA_TYPES[dataType]!;
  const shape = config.input[0].dims.map(Number);
  const free = shape.indexOf(-1);
  if (free !== shape.lastIndexOf(-1)) throw rawShapeUnknown(id, name);
  if (config.maxBatchSize > 0) shape.unshift(1);
  if (datatype === "BYTES") {
    if (elementCount(shape) !== 1) throw rawStringShape(id, name);
    return { name, datatype, shape, data: encodeBytes([bytes]) };
  }
  if (free !== -1) {
    const axis = free + shape.length - config.input[0].dims.length;
    shape[axis] = 1;
    const step = elementCount(shape) * ELEMENT_SIZE[datatype];
    shape[axis] = step === 0 ? 0 : Math.floor(bytes.length / step);
  }
  const expected = elementCount(shape) * ELEMENT_SIZE[datatype];
  // Triton calls the input of a raw request by this name here.
  if (expected !== bytes.length) throw wrongByteSize(id, model.name, "raw_input", expected, bytes.length);
  return { name, datatype, shape, data: bytes };
}
