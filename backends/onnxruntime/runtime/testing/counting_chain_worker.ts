/** A chain's worker, as in `backends/onnxruntime/chain_worker.ts`, that logs what each of its runs reads from the GPU. */
import type { WorkerTensor } from "../../../worker/protocol.ts";
import { serve } from "../../../worker/serve.ts";
import { OrtChainModel } from "../webgpu_chain.ts";
import { countReads, takeReads } from "./count_reads.ts";

const { postMessage } = globalThis as unknown as { postMessage(message: unknown): void };

class CountingModel extends OrtChainModel {
  override async run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    takeReads();
    const results = await super.run(inputs, outputs);
    const { reads, maps } = takeReads();
    postMessage({ kind: "log", severity: "info", text: `run with ${maps} reads of ${reads.join(" and ")} bytes` });
    return results;
  }
}

countReads();
serve(new CountingModel());
