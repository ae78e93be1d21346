import type { OrtLoadOptions } from "./options.ts";

/** Failures are thrown: printing them too would repeat them on the server's standard error. */
export const LOG_FATAL = 4;

/** The session options that all runtimes share, in onnxruntime-common's words. */
export function commonSessionOptions(options: OrtLoadOptions): Record<string, unknown> {
  const result: Record<string, unknown> = {
    executionMode: options.executionMode,
    graphOptimizationLevel: options.graphOptimization,
    logSeverityLevel: LOG_FATAL,
  };
  if (options.memoryArena !== undefined) result.enableCpuMemArena = options.memoryArena;
  if (options.memoryPattern !== undefined) result.enableMemPattern = options.memoryPattern;
  if (options.sessionConfig) result.extra = nestedEntries(options.sessionConfig);
  return result;
}

/** `{"session.x.y": "1"}` as `{session: {x: {y: "1"}}}`, the form of `SessionOptions.extra`. */
export function nestedEntries(entries: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    const path = key.split(".");
    let at = root;
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>;
    at[path.at(-1)!] = value;
  }
  return root;
}
