import { OrtChainModel } from "../webgpu_chain.ts";

/**
 * A worker with a chain that does what it is posted: `[id, method, arguments]`, answered by `[id, error, result, reads]`,
 * where `reads` are the bytes of each copy from the GPU that the call made.
 */
interface Scope {
  onmessage: (event: MessageEvent<[number, "load" | "run" | "release", never[]]>) => void;
  postMessage(message: unknown): void;
}

let reads: number[] = [];
let maps = 0;

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

const model = new OrtChainModel();
const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: [id, method, args] }) => {
  reads = [];
  maps = 0;
  try {
    const result = await (model[method] as (...args: never[]) => unknown)(...args);
    scope.postMessage([id, undefined, result, { reads, maps }]);
  } catch (thrown) {
    const { name, message } = thrown as Error;
    scope.postMessage([id, { name, message }, undefined, { reads, maps }]);
  }
};
