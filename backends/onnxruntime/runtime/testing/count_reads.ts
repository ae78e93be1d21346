/** What was read back from the GPU. */
export interface Reads {
  /** Bytes of each copy into memory that can be read. */
  readonly reads: number[];
  /** How often a buffer was mapped for reading. */
  readonly maps: number;
}

let reads: number[] = [];
let maps = 0;

/** Counts, from now on, all that this thread reads back from the GPU: what only goes through WebGPU's own methods. */
export function countReads(): void {
  const { copyBufferToBuffer } = GPUCommandEncoder.prototype;
  GPUCommandEncoder.prototype.copyBufferToBuffer = function (this: GPUCommandEncoder, ...args: unknown[]) {
    const target = args.find((arg, i) => i > 0 && arg instanceof GPUBuffer) as GPUBuffer;
    if (target.usage & GPUBufferUsage.MAP_READ) reads.push(target.size);
    return (copyBufferToBuffer as (...args: unknown[]) => undefined).apply(this, args);
  } as typeof copyBufferToBuffer;

  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (mode, offset, size) {
    if (mode === GPUMapMode.READ) maps++;
    return mapAsync.call(this, mode, offset, size);
  };
}

/** What was read since the last call. */
export function takeReads(): Reads {
  const taken = { reads, maps };
  reads = [];
  maps = 0;
  return taken;
}
