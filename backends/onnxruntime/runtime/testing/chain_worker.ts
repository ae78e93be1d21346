import { OrtChainModel } from "../webgpu_chain.ts";
import { countReads, takeReads } from "./count_reads.ts";

/**
 * A worker with a chain that does what it is posted: `[id, method, arguments]`, answered by `[id, error, result, reads]`,
 * where `reads` are the bytes of each copy from the GPU that the call made.
 */
interface Scope {
  onmessage: (event: MessageEvent<[number, "load" | "run" | "release", never[]]>) => void;
  postMessage(message: unknown): void;
}

countReads();
const model = new OrtChainModel();
const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: [id, method, args] }) => {
  takeReads();
  try {
    const result = await (model[method] as (...args: never[]) => unknown)(...args);
    scope.postMessage([id, undefined, result, takeReads()]);
  } catch (thrown) {
    const { name, message } = thrown as Error;
    scope.postMessage([id, { name, message }, undefined, takeReads()]);
  }
};
