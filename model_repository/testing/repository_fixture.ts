import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import type { Backend } from "../../backends/backend.ts";
import { identityBackend } from "../../backends/identity/mod.ts";
import { systemClock } from "../../core/clock.ts";
import { InferenceRequest, type InferenceResponse } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { Status, type StatusCode } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Log } from "../../observability/log.ts";
import type { Model } from "../model.ts";
import { ModelRepository, type RepositoryOptions } from "../repository.ts";
import { everythingAtStart } from "../source.ts";

/** Files by their path below a repository; an empty directory where the path ends in `/`. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** Runs `test` with a temporary directory that holds `files`, and removes it afterwards. */
export async function withFiles(files: Files, test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "repository-test-" });
  try {
    await writeFiles(root, files);
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

export async function writeFiles(root: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    await Deno.mkdir(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (path.endsWith("/")) continue;
    if (typeof content === "string") await Deno.writeTextFile(full, content);
    else await Deno.writeFile(full, content);
  }
}

/** A log that keeps its lines. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];
  verbose(): void {}
  info(message: string): void {
    this.lines.push(`I ${message}`);
  }
  warning(message: string): void {
    this.lines.push(`W ${message}`);
  }
  error(message: string): void {
    this.lines.push(`E ${message}`);
  }
}

/** A repository on the process's clock with the identity backend, unless `more` says otherwise. */
export function repositoryOf(
  root: string,
  more: Partial<RepositoryOptions> & { backend?: Backend } = {},
): { repository: ModelRepository; log: MemoryLog } {
  const log = new MemoryLog();
  const backend = more.backend ?? identityBackend;
  const repository = new ModelRepository({
    roots: [root],
    source: everythingAtStart,
    configName: "",
    autoComplete: true,
    loadThreads: 4,
    loadRetries: 0,
    backends: new Map([[backend.name, backend]]),
    backendSettings: () => new Map(),
    gpuAvailable: () => Promise.resolve(false),
    clock: systemClock,
    log,
    ...more,
  });
  return { repository, log };
}

/** `config.pbtxt` of an identity model of one FP32 vector. */
export function identityConfig(more = ""): string {
  return `backend: "identity"
    input { name: "IN" data_type: TYPE_FP32 dims: -1 }
    output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
    ${more}`;
}

/** An FP32 vector for {@link identityConfig}. */
export function vector(...values: number[]): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name: "IN", datatype: "FP32", shape: [values.length], data };
}

export async function inferOnce(model: Model, ...inputs: Tensor[]): Promise<InferenceResponse> {
  const request = new InferenceRequest(model.name, "");
  request.inputs = inputs;
  const sink = new UnaryResponse();
  model.infer(request, sink);
  return await sink.promise;
}

/** For `assert.rejects` and `assert.throws`: an error of this code and text. */
export function isStatus(code: StatusCode, message: string | RegExp) {
  return (error: Status) => {
    assert.ok(error instanceof Status);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}
