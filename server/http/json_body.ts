import { jsonTooLarge } from "../../core/errors/http.ts";
import { type JsonValue, parseExactly } from "../tensor_json/parser.ts";
import { readBody } from "./body.ts";
import type { HttpOptions } from "./options.ts";

/** The JSON of a request that is no inference; undefined for an empty body. @throws Status INVALID_ARGUMENT */
export async function readJsonBody(
  request: Request,
  { maxInputSize }: HttpOptions,
): Promise<JsonValue | undefined> {
  const bytes = await readBody(request, maxInputSize, (size) => jsonTooLarge(size, maxInputSize));
  return bytes.length === 0 ? undefined : parseExactly(bytes);
}
