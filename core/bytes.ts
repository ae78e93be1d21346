/**
 * The parts one after another, in memory of its own.
 *
 * @param length of all parts together, where the caller knows it.
 */
export function joinBytes(parts: readonly Uint8Array[], length: number = lengthOf(parts)): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    joined.set(parts[i], at);
    at += parts[i].length;
  }
  return joined;
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (let i = 0; i < parts.length; i++) length += parts[i].length;
  return length;
}
