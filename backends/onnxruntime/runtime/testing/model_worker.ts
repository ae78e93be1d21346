import { OrtWorkerModel } from "../worker_model.ts";

/** A worker with one model that does what it is posted: `[id, method, arguments]`, answered by `[id, error, result]`. */
const model = new OrtWorkerModel();

interface Scope {
  onmessage: (event: MessageEvent<[number, "load" | "run" | "release", never[]]>) => void;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: [id, method, args] }) => {
  try {
    scope.postMessage([id, undefined, await (model[method] as (...args: never[]) => unknown)(...args)]);
  } catch (thrown) {
    const { name, message, code } = thrown as Error & { code?: string };
    scope.postMessage([id, { name, message, code }, undefined]);
  }
};
