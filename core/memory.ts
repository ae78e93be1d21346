/**
 * Below this many bytes, memory is left to the garbage collector; above, waiting for it costs more than the work: V8
 * collects all garbage whenever 64 MB have gathered outside its heap.
 */
export const LARGE_BYTES = 64 * 1024;

/** Gives memory back at once. Views of it are empty afterwards. */
export function freeMemory(buffers: Iterable<ArrayBufferLike>): void {
  for (const buffer of buffers) {
    if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
  }
}

/** The large buffers that tensors are views of, each once; undefined if there is none. */
export function largeBuffers(tensors: readonly { readonly data: Uint8Array }[]): ArrayBuffer[] | undefined {
  let buffers: ArrayBuffer[] | undefined;
  for (let i = 0; i < tensors.length; i++) {
    const { buffer } = tensors[i].data;
    if (buffer.byteLength < LARGE_BYTES || !(buffer instanceof ArrayBuffer)) continue;
    if (buffers === undefined) buffers = [buffer];
    else if (!buffers.includes(buffer)) buffers.push(buffer);
  }
  return buffers;
}
