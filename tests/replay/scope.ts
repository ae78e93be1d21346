/** Which recorded exchanges are replayed, and which are not, with the reason. This is the only list. */

/** Files of records that are replayed. */
export const FILES: readonly string[] = [
  "cache",
  "cli",
  "crashes",
  "ensemble",
  "grpc",
  "http_infer",
  "http_routing",
  "http_types",
  "http_wire",
  "lifecycle",
];

const EXPLICIT = "needs models loaded and unloaded by request, which this server does not offer yet";
const MEMORY = "needs shared memory of clients, which this server does not offer yet";

/** Files that are left out as a whole, and why. */
export const FILES_LEFT_OUT: Readonly<Record<string, string>> = {
  load_configs: `${EXPLICIT} (the same records are checked against the configuration code by its unit tests)`,
  load_ensembles: `${EXPLICIT} (the reasons are checked against the repository by its unit tests)`,
  metrics: "needs summaries of latencies, which this server does not offer yet",
  poll: "needs --model-control-mode=poll, which this server does not offer yet",
  repository: EXPLICIT,
  restricted: "needs restricted APIs, which this server does not offer yet",
  scheduler: "needs the Python models that it was recorded with (tests/batching asks the same of other models)",
  sequence: "needs the Python models that it was recorded with (tests/sequences asks the same of an ONNX model)",
  shared_memory: MEMORY,
  shm_bounds: MEMORY,
  shm_grpc: MEMORY,
  trace_log: "needs traces and log settings, which this server does not offer yet",
};

/** Records of {@link FILES}, as `file/name`, that are left out, and why. */
export const EXCLUDED: readonly { readonly records: RegExp; readonly reason: string }[] = [
  { records: /^grpc\/trace/, reason: FILES_LEFT_OUT.trace_log },
  { records: /^grpc\/shm/, reason: MEMORY },
  {
    records: /^http_routing\/GET \/v2\/models$/,
    reason: "a deliberate difference: GET /v2/models lists the models, where Triton has no such route",
  },
  {
    records: /^http_wire\/content-encoding ''$/,
    reason: "a deliberate difference: an empty Content-Encoding means none, where Triton answers 501",
  },
];
