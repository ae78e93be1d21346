import type { Status } from "../../../core/status.ts";
import { executionFailed, sessionNotCreated } from "../../../core/errors/onnxruntime_execution.ts";
import type { OrtRuntime } from "./options.ts";

/**
 * The GPU build has no kernel for an operator of the model, neither on the GPU nor among its few CPU kernels: the model
 * belongs on the CPU. The main thread knows it by its `name`.
 */
export class KernelsMissingError extends Error {
  override readonly name = "KernelsMissingError";

  constructor(readonly operators: readonly string[]) {
    super(`kernels missing: ${operators.join(", ")}`);
  }
}

/** A runtime does not start on this machine: another one has to be chosen. Known by its `name`, like the above. */
export class RuntimeUnavailableError extends Error {
  override readonly name = "RuntimeUnavailableError";

  constructor(readonly runtime: OrtRuntime, cause: unknown) {
    super(`the ${runtime} build of ONNX Runtime does not start: ${reasonOf(cause)}`, { cause });
  }
}

/** The first line, without the stack that onnxruntime-web puts into its messages. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.split("\n")[0].replace(/^no available backend found\. ERR: \[\w+\] (?:\w*Error: )?/, "");
}

/** What ONNX Runtime said, without the marks of its sources. */
export interface OrtFailure {
  /** An `OrtErrorCode`. */
  readonly code: number;
  readonly text: string;
}

const CODE = /ERROR_CODE: (\d+), ERROR_MESSAGE: /;
/** A source file with its line and the function's signature. */
const SOURCE = /(?:^|\s)\/?(?:[\w.@-]+\/)+[\w.-]+\.(?:cc|h|cpp|hpp):\d+ /;

/** Reads the code and the text out of an error of ONNX Runtime, native or WebAssembly. */
export function readFailure(thrown: unknown): OrtFailure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const found = CODE.exec(message);
  const raw = found ? message.slice(found.index + found[0].length) : message;
  return { code: found ? Number(found[1]) : codeOf(raw), text: clean(raw) };
}

/** The native binding leaves the code out; these texts have only one. */
function codeOf(text: string): number {
  if (
    /^(Got invalid dimensions|Invalid rank|Unexpected input data type|Invalid input name|input '.*' is missing)/.test(
      text,
    )
  ) return 2;
  if (/protobuf parsing failed/i.test(text)) return 7;
  if (/^This is an invalid model|^Fatal error: .* is not a registered/.test(text)) return 10;
  if (/^Could not find an implementation/.test(text)) return 9;
  if (/doesn't exist|No such file/.test(text)) return 3;
  return 1;
}

/** One line without source paths, C++ signatures and the condition that failed. */
export function clean(text: string): string {
  let line = text.replace(/\s+/g, " ").trim();
  const source = SOURCE.exec(line);
  if (source) line = line.slice(0, source.index) + " " + withoutSignature(line.slice(source.index + source[0].length));
  return line.replace(/^Exception during initialization:\s*/, "").replace(/\s+/g, " ").replace(/[.\s]+$/, "").trim();
}

/**
 * `void onnxruntime::F(int, …) [with T = …] condition was false. reason` → `reason`; without a condition all that
 * follows the signature stays.
 */
function withoutSignature(text: string): string {
  const failed = / was false\.\s*/.exec(text);
  if (failed) {
    const reason = text.slice(failed.index + failed[0].length);
    return reason || text.slice(0, failed.index + " was false".length);
  }
  return text.replace(/^[^()]*\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[with [^\]]*\])? /, "");
}

const OPERATOR = [
  /Provider type for (\S+) node with name/,
  /No Op registered for (\S+) with domain_version/,
  /Could not find an implementation for (\S+?)\(\d+\) node/,
  /Fatal error: (\S+?)\(-?\d+\) is not a registered function/,
];

/** The operator that a failed creation misses a kernel for; undefined where the failure is another one. */
export function missingOperator(text: string): string | undefined {
  for (const pattern of OPERATOR) {
    const found = pattern.exec(text);
    if (found) return found[1];
  }
}

/** @returns INTERNAL in the words of Triton's backend, `onnx runtime error 2: …`. */
export function runError(thrown: unknown, model: string): Status {
  const { code, text } = readFailure(thrown);
  return executionFailed(model, code, text);
}

export function loadError(thrown: unknown, model: string, path: string): Status {
  const { code, text } = readFailure(thrown);
  return sessionNotCreated(model, path, code, text);
}
