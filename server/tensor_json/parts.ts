import { jsonTooManyParts } from "../../core/errors/http.ts";

/** Objects and their members in a document. Requests need a few for each tensor. */
export const MAX_MEMBERS = 65_536;
/** Arrays: the data of a tensor may have one for each row. */
export const MAX_ARRAYS = 4_194_304;
/** What so many parts take at least. */
const SMALL = 3 * MAX_MEMBERS;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Refuses a document of so many objects, members or arrays that parsing it could use up the memory of the process: in
 * memory they take up to a hundred times what they take in JSON.
 *
 * @param text the document; any character beyond ASCII may stand for any other.
 * @throws Status INVALID_ARGUMENT
 */
export function checkParts(text: string): void {
  if (text.length < SMALL) return;
  const half = MAX_MEMBERS / 2;
  if (!hasMore(text, "{", half) && !hasMore(text, ":", half) && !hasMore(text, "[", MAX_ARRAYS)) return;
  // strings may be full of them
  let members = 0;
  let arrays = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case 0x7b: // {
      case 0x3a: // :
        if (++members > MAX_MEMBERS) throw jsonTooManyParts("objects and members", MAX_MEMBERS);
        break;
      case 0x5b: // [
        if (++arrays > MAX_ARRAYS) throw jsonTooManyParts("arrays", MAX_ARRAYS);
    }
  }
}

function hasMore(text: string, char: string, limit: number): boolean {
  let count = 0;
  for (let at = text.indexOf(char); at !== -1; at = text.indexOf(char, at + 1)) if (++count > limit) return true;
  return false;
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}
