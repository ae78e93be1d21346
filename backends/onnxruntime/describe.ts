import { distance } from "fastest-levenshtein";
import { configTypeName } from "../../core/data_type.ts";
import type { GraphTensor } from "./graph.ts";

/** `[-1,3,224,224]`, as Triton prints shapes. */
export function shapeText(shape: readonly (number | bigint)[]): string {
  return `[${shape.join(",")}]`;
}

/** `'INPUT0' (TYPE_FP32 [-1,16])`: a tensor as an error lists it, in the words of `config.pbtxt`. */
export function tensorText(tensor: GraphTensor): string {
  return `'${tensor.name}' (${typeText(tensor)} ${tensor.shape ? shapeText(tensor.shape) : "of unknown shape"})`;
}

/** `TYPE_FP32`, or ONNX's own name for a type that the protocol has not. */
export function typeText(tensor: GraphTensor): string {
  return tensor.datatype ? configTypeName(tensor.datatype) : tensor.elementType;
}

/** ` (did you mean 'INPUT0'?)` for the name that is near enough to be a slip; "" when none is. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  let nearest = "";
  let least = Math.max(2, Math.ceil(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(name.toLowerCase(), candidate.toLowerCase());
    if (steps < least) [nearest, least] = [candidate, steps];
  }
  return nearest === "" ? "" : ` (did you mean '${nearest}'?)`;
}
