import type { Backend } from "./backend.ts";
import { identityBackend } from "./identity/mod.ts";
import { onnxruntimeBackend } from "./onnxruntime/mod.ts";
import { repeatBackend } from "./repeat/mod.ts";

/** The backends of this server, by the name that configurations use. A new one is one folder and one line here. */
export const BACKENDS: ReadonlyMap<string, Backend> = new Map(
  [onnxruntimeBackend, identityBackend, repeatBackend].map((backend) => [backend.name, backend]),
);
