/** Arguments that a function takes without fear for the stack. */
const PIECE = 8192;

/** Text of one character for each byte. `TextDecoder` has another set by this name, in which 0x80 is the euro. */
export function latin1(bytes: Uint8Array | readonly number[], start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i += PIECE) {
    text += String.fromCharCode.apply(null, bytes.slice(i, Math.min(i + PIECE, end)) as number[]);
  }
  return text;
}
