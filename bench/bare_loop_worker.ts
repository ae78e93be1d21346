/** One caller of the bare loop: loads on the first message, counts executions on the second. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { LoopOrder } from "./bare_loop.ts";

let order: LoopOrder;
let session: InferenceSession;

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<LoopOrder | "go">) => void;
  postMessage(count: number): void;
};

scope.onmessage = async ({ data }) => {
  if (data !== "go") {
    order = data;
    session = await InferenceSession.create(order.modelPath, {
      intraOpNumThreads: order.threads,
      interOpNumThreads: 1,
    });
    await run();
    return scope.postMessage(0);
  }
  let count = 0;
  for (const end = performance.now() + order.milliseconds; performance.now() < end; count++) await run();
  scope.postMessage(count);
};

function run(): Promise<unknown> {
  const values = new Float32Array(order.shape.reduce((product, dim) => product * dim, 1)).fill(0.5);
  return session.run({ INPUT: new Tensor("float32", values, [...order.shape]) });
}
