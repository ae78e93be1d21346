/** Options of traces, the response cache, the rate limiter, devices and cloud environments. */
import { option, type ValueType } from "./option.ts";
import {
  cacheConfig,
  hostPolicy,
  perDevice,
  type RateLimitResource,
  rateLimitResource,
  type Settings,
  traceConfig,
  traceLevel,
} from "./settings.ts";
import { bool, integer, nonEmpty, oneOf, port, text } from "./values.ts";

const noTrace = "no traces are written yet";
const noPool = "memory is not pooled";
const replaced = (name: string, setting: string) =>
  `'--${name}' has been deprecated and will be removed in future releases. Please use '--trace-config ${setting} instead.`;

function cloud<T>(type: ValueType<T>, value: T, help: string) {
  return option<T>({ section: "Cloud", type, default: value, effect: "none", why: "there are no cloud routes", help });
}

export const FEATURE_OPTIONS = {
  traceConfig: option({
    section: "Trace",
    type: traceConfig,
    default: new Map() as Settings,
    effect: "later",
    why: noTrace,
    help: "A setting of the traces: level, rate, count, mode, or <mode>,<setting>; may be repeated.",
  }),

  cacheConfig: option({
    section: "Response cache",
    type: cacheConfig,
    default: new Map() as Settings,
    help:
      "The cache of responses and a setting of it: local,size=<bytes>, or redis,host=<host>, redis,port=<port> and " +
      "also user, password, db, connect_timeout and socket_timeout (in milliseconds); may be repeated.",
  }),
  cacheDirectory: option({
    section: "Response cache",
    type: text,
    default: "",
    effect: "none",
    why: "the caches are part of this program",
    help: "Folder of cache libraries.",
  }),

  rateLimit: option({
    section: "Rate limiter",
    type: oneOf(["off", "execution_count"]),
    default: "off",
    help: "Schedule executions across models by the resources they need.",
  }),
  rateLimitResource: option({
    section: "Rate limiter",
    type: rateLimitResource,
    default: [] as readonly RateLimitResource[],
    help:
      "How much of a resource there is, on every device or on one; may be repeated. Without it there is as much as " +
      "the instance needs that needs most; with it, what is not named is not there.",
  }),

  pinnedMemoryPoolByteSize: option({
    section: "Memory and devices",
    type: integer(),
    default: 256 * 1024 * 1024,
    effect: "none",
    why: noPool,
    help: "Bytes of pinned host memory.",
  }),
  cudaMemoryPoolByteSize: option({
    section: "Memory and devices",
    type: perDevice,
    default: new Map() as ReadonlyMap<number, number>,
    effect: "none",
    why: noPool,
    help: "Bytes of memory on a GPU; may be repeated.",
  }),
  cudaVirtualAddressSize: option({
    section: "Memory and devices",
    type: perDevice,
    default: new Map() as ReadonlyMap<number, number>,
    effect: "none",
    why: noPool,
    help: "Megabytes of address space on a GPU; may be repeated.",
  }),
  bufferManagerThreadCount: option({
    section: "Memory and devices",
    type: integer(),
    default: 0,
    effect: "none",
    why: "inputs are gathered by the workers",
    help: "Threads that copy tensors.",
  }),
  hostPolicy: option({
    section: "Memory and devices",
    type: hostPolicy,
    default: new Map() as Settings,
    effect: "none",
    why: "where threads run is left to the system",
    help: "A setting of a host policy; may be repeated.",
  }),
  modelLoadGpuLimit: option({
    section: "Memory and devices",
    type: perDevice,
    default: new Map() as ReadonlyMap<number, number>,
    effect: "none",
    why: "WebGPU does not tell how full a GPU is",
    help: "Fraction (0 to 1) of a GPU's memory above which no model is loaded on it; may be repeated.",
  }),
  allowClientShm: option({
    section: "Memory and devices",
    type: bool,
    default: false,
    effect: "later",
    why: "registering shared memory answers that it is not supported",
    help: "Let clients pass tensors through shared memory.",
  }),

  allowSagemaker: option({
    section: "Cloud",
    type: bool,
    default: false,
    effect: "refused",
    why: "this server has no SageMaker routes",
    help: "Serve the routes of Amazon SageMaker.",
  }),
  sagemakerPort: cloud(port, 8080, "Port of SageMaker."),
  sagemakerSafePortRange: cloud(nonEmpty("<first-last>", "a range of ports"), "", "Ports that SageMaker may use."),
  sagemakerThreadCount: cloud(integer(0), 8, "Threads for SageMaker."),
  allowVertexAi: option({
    section: "Cloud",
    type: bool,
    default: false,
    effect: "refused",
    why: "this server has no Vertex AI routes",
    help: "Serve the routes of Google Vertex AI.",
  }),
  vertexAiPort: cloud(port, 8080, "Port of Vertex AI."),
  vertexAiThreadCount: cloud(integer(0), 8, "Threads for Vertex AI."),
  vertexAiDefaultModel: cloud(text, "", "Model that Vertex AI's predictions go to."),

  traceFile: option({
    section: "Deprecated",
    type: text,
    default: "",
    help: "Use --trace-config=triton,file=<file>.",
    deprecated: {
      warning: () => replaced("trace-file", "triton,file=<file name>'"),
      key: "traceConfig",
      text: (value) => `triton,file=${value}`,
    },
  }),
  traceLevel: option({
    section: "Deprecated",
    type: traceLevel,
    default: "OFF",
    help: "Use --trace-config=level=<level>.",
    deprecated: {
      warning: () => replaced("trace-level", "level=<OFF|TIMESTAMPS|TENSORS>'"),
      key: "traceConfig",
      text: (value) => `level=${value}`,
    },
  }),
  traceRate: option({
    section: "Deprecated",
    type: integer(0),
    default: 1000,
    help: "Use --trace-config=rate=<rate>.",
    deprecated: {
      warning: () => replaced("trace-rate", "rate=<rate value>"),
      key: "traceConfig",
      text: (value) => `rate=${value}`,
    },
  }),
  traceCount: option({
    section: "Deprecated",
    type: integer(-1),
    default: -1,
    help: "Use --trace-config=count=<count>.",
    deprecated: {
      warning: () => replaced("trace-count", "count=<count value>"),
      key: "traceConfig",
      text: (value) => `count=${value}`,
    },
  }),
  traceLogFrequency: option({
    section: "Deprecated",
    type: integer(0),
    default: 0,
    help: "Use --trace-config=triton,log-frequency=<number>.",
    deprecated: {
      warning: () => replaced("trace-log-frequency", "triton,log-frequency=<value>"),
      key: "traceConfig",
      text: (value) => `triton,log-frequency=${value}`,
    },
  }),
  responseCacheByteSize: option({
    section: "Deprecated",
    type: integer(0, Number.MAX_SAFE_INTEGER, "<bytes>"),
    default: 0,
    help: "Use --cache-config=local,size=<bytes>.",
    deprecated: {
      warning: (value) =>
        "'--response-cache-byte-size' has been deprecated! This will default to the 'local' cache implementation with " +
        "the provided byte size for its config. Please use '--cache-config' instead. The equivalent --cache-config " +
        `CLI args would be: '--cache-config=local,size=${value}'`,
      key: "cacheConfig",
      text: (value) => `local,size=${value}`,
    },
  }),
};
