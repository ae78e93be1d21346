import {
  acceleratorParameter,
  executionMode,
  parameterNotBoolean,
  parameterNotInteger,
  settingInvalid,
  unknownAccelerator,
} from "../../core/errors/onnxruntime.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { BackendSettings } from "../backend.ts";
import { didYouMean } from "./describe.ts";
import type { WebGpuOptions } from "./runtime/options.ts";

/** Which runtime serves a model on the CPU; `auto` is native where its library loads, else wasm. */
export type CpuRuntime = "auto" | "native" | "wasm";

/** `--backend-config=onnxruntime,<key>=<value>`, parsed. */
export interface OrtSettings {
  /** `max_batch_size` of a model that can batch and whose config says nothing. */
  readonly defaultMaxBatchSize: number;
  /** Threads within an operator for models that do not say; 0 lets placement choose. */
  readonly intraOpThreads: number;
  /** Threads across operators for models that do not say; 0 lets the runtime choose. */
  readonly interOpThreads: number;
  readonly cpuRuntime: CpuRuntime;
  /** Whether a model's answers on the GPU are compared with the CPU's before it serves from it. */
  readonly gpuCheck: boolean;
  /** Whether models that run faster than a worker wakes up may run on the main thread. */
  readonly inline: boolean;
  /** Seconds after which an execution counts as hung. */
  readonly executionTimeoutSecs: number;
}

const SETTINGS = [
  "default-max-batch-size",
  "intra_op_thread_count",
  "inter_op_thread_count",
  "enable-global-threadpool",
  "cpu-runtime",
  "gpu-check",
  "inline",
  "execution-timeout-secs",
];

/** Settings that Triton has for every backend: what they mean is decided elsewhere, or concerns shared libraries. */
const GLOBAL_SETTINGS = ["auto-complete-config", "backend-directory", "min-compute-capability"];

/** By their text: every model is loaded with a map of its own. */
const parsed = new Map<string, OrtSettings>();

/**
 * Parses the settings of this backend. The same settings are parsed once, so that their warnings come once.
 *
 * @throws Status INVALID_ARGUMENT naming the option, its value and what was expected.
 */
export function parseSettings(settings: BackendSettings, warning: (message: string) => void): OrtSettings {
  const text = JSON.stringify([...settings]);
  const known = parsed.get(text);
  if (known) return known;
  for (const [key] of settings) {
    if (SETTINGS.includes(key) || GLOBAL_SETTINGS.includes(key)) continue;
    warning(
      `--backend-config=onnxruntime,${key}=… is not known and has no effect${didYouMean(key, SETTINGS)}; known are ` +
        SETTINGS.join(", "),
    );
  }
  if (flag(settings, "enable-global-threadpool", false)) {
    warning(
      "--backend-config=onnxruntime,enable-global-threadpool has no effect: every model instance has threads of its " +
        "own; intra_op_thread_count says how many",
    );
  }
  const result: OrtSettings = {
    defaultMaxBatchSize: integer(settings, "default-max-batch-size", 4, 0),
    intraOpThreads: integer(settings, "intra_op_thread_count", 0, 0),
    interOpThreads: integer(settings, "inter_op_thread_count", 0, 0),
    cpuRuntime: oneOf(settings, "cpu-runtime", ["auto", "native", "wasm"]),
    gpuCheck: flag(settings, "gpu-check", true),
    inline: flag(settings, "inline", true),
    executionTimeoutSecs: integer(settings, "execution-timeout-secs", 300, 1),
  };
  parsed.set(text, result);
  return result;
}

function integer(settings: BackendSettings, key: string, fallback: number, least: number): number {
  const text = settings.get(key);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || value > 2 ** 31 - 1 || value < least) {
    throw settingInvalid(key, text, `a whole number of at least ${least}`);
  }
  return value;
}

function flag(settings: BackendSettings, key: string, fallback: boolean): boolean {
  const text = settings.get(key);
  if (text === undefined) return fallback;
  const value = booleanOf(text);
  if (value === undefined) throw settingInvalid(key, text, "on or off");
  return value;
}

function booleanOf(text: string): boolean | undefined {
  switch (text.trim().toLowerCase()) {
    case "on":
    case "true":
    case "1":
      return true;
    case "off":
    case "false":
    case "0":
      return false;
  }
}

function oneOf<Value extends string>(
  settings: BackendSettings,
  key: string,
  values: readonly [Value, ...Value[]],
): Value {
  const text = settings.get(key);
  if (text === undefined) return values[0];
  const value = values.find((each) => each === text.trim().toLowerCase());
  if (value === undefined) {
    throw settingInvalid(key, text, `one of ${values.join(", ")}${didYouMean(text, values)}`);
  }
  return value;
}

/** What one model's configuration asks of its sessions. */
export interface SessionSettings {
  /** 0 lets placement choose. */
  readonly intraOpThreads: number;
  /** 0 lets the runtime choose. */
  readonly interOpThreads: number;
  readonly executionMode: "sequential" | "parallel";
  readonly graphOptimization: "disabled" | "basic" | "extended" | "all";
  /** `enable_mem_arena` and `enable_mem_pattern`; undefined leaves ONNX Runtime's defaults. */
  readonly memoryArena?: boolean;
  readonly memoryPattern?: boolean;
  /** Session configuration entries under ONNX Runtime's own keys. */
  readonly sessionConfig?: Readonly<Record<string, string>>;
  /** Parameters of the execution accelerator `webgpu`, checked. */
  readonly webgpu: WebGpuOptions;
}

/** A model parameter that is a session configuration entry of ONNX Runtime. */
const DEVICE_ALLOCATOR = "session.use_device_allocator_for_initializers";

/** Parameters of Triton's ONNX backend that tune what does not exist here. */
const WITHOUT_EFFECT = [
  "memory.enable_memory_arena_shrinkage",
  "share_session_between_instances",
  "cudnn_conv_algo_search",
  "gpu_mem_limit",
  "arena_extend_strategy",
  "do_copy_in_default_stream",
];

/** Accelerators of Triton that models in the wild name. */
const FOREIGN_ACCELERATORS = ["tensorrt", "cuda", "openvino"];

/**
 * Reads a model's `parameters` and `optimization`.
 *
 * @throws Status INVALID_ARGUMENT for values that Triton refuses, and for unknown accelerators.
 */
export function sessionSettings(
  config: ModelConfig,
  settings: OrtSettings,
  log: { info(message: string): void; warning(message: string): void },
): SessionSettings {
  const unused = WITHOUT_EFFECT.filter((name) => name in config.parameters);
  if (unused.length > 0) {
    log.info(`parameters of model '${config.name}' accepted without effect: ${unused.join(", ")}`);
  }
  const mode = config.parameters["execution_mode"]?.stringValue ?? "0";
  if (mode !== "0" && mode !== "1") throw executionMode(mode);
  return {
    intraOpThreads: count(config, "intra_op_thread_count") || settings.intraOpThreads,
    interOpThreads: count(config, "inter_op_thread_count") || settings.interOpThreads,
    executionMode: mode === "1" ? "parallel" : "sequential",
    graphOptimization: graphOptimization(config.optimization?.graph?.level ?? 0),
    memoryArena: modelFlag(config, "enable_mem_arena"),
    memoryPattern: modelFlag(config, "enable_mem_pattern"),
    sessionConfig: DEVICE_ALLOCATOR in config.parameters
      ? { [DEVICE_ALLOCATOR]: config.parameters[DEVICE_ALLOCATOR].stringValue }
      : undefined,
    webgpu: accelerators(config, log.warning),
  };
}

function modelFlag(config: ModelConfig, name: string): boolean | undefined {
  if (!(name in config.parameters)) return undefined;
  const text = config.parameters[name].stringValue;
  const value = booleanOf(text);
  if (value === undefined) throw parameterNotBoolean(name, text);
  return value;
}

function count(config: ModelConfig, name: string): number {
  const text = config.parameters[name]?.stringValue ?? "0";
  if (!/^\d+$/.test(text.trim())) throw parameterNotInteger(name, text);
  return Number(text);
}

/** `optimization.graph.level`: -1 basic, 1 extended, 2 and more none; 0, the default, all. */
function graphOptimization(level: number): SessionSettings["graphOptimization"] {
  if (level >= 2) return "disabled";
  if (level === 1) return "extended";
  return level < 0 ? "basic" : "all";
}

function accelerators(config: ModelConfig, warning: (message: string) => void): WebGpuOptions {
  const { gpuExecutionAccelerator = [], cpuExecutionAccelerator = [] } = config.optimization?.executionAccelerators ??
    {};
  let webgpu: WebGpuOptions = {};
  for (const { name, parameters } of gpuExecutionAccelerator) {
    if (name === "webgpu") webgpu = webGpuParameters(config.name, parameters, warning);
    else foreign(config.name, name, ["webgpu", ...FOREIGN_ACCELERATORS], warning);
  }
  for (const { name } of cpuExecutionAccelerator) foreign(config.name, name, FOREIGN_ACCELERATORS, warning);
  return webgpu;
}

function foreign(model: string, name: string, known: readonly string[], warning: (message: string) => void): void {
  if (!FOREIGN_ACCELERATORS.includes(name)) throw unknownAccelerator(name, didYouMean(name, known));
  warning(
    `execution accelerator '${name}' of model '${model}' has no effect: the model runs on WebGPU or the CPU as its ` +
      "instance groups say",
  );
}

/** Values that a parameter of the accelerator may have. */
const WEBGPU_PARAMETERS = {
  preferredLayout: ["NCHW", "NHWC"],
  validationMode: ["disabled", "wgpuOnly", "basic", "full"],
  enableGraphCapture: ["0", "1", "false", "true"],
} as const;

function webGpuParameters(
  model: string,
  parameters: Record<string, string>,
  warning: (message: string) => void,
): WebGpuOptions {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (!Object.hasOwn(WEBGPU_PARAMETERS, name)) {
      warning(
        `parameter '${name}' of execution accelerator 'webgpu' of model '${model}' is not known and has no effect` +
          didYouMean(name, Object.keys(WEBGPU_PARAMETERS)),
      );
      continue;
    }
    const allowed: readonly string[] = WEBGPU_PARAMETERS[name as keyof typeof WEBGPU_PARAMETERS];
    if (!allowed.includes(value)) throw acceleratorParameter(name, value, `one of ${allowed.join(", ")}`);
    if (name !== "enableGraphCapture") options[name] = value;
    else if (booleanOf(value)) {
      warning(`enableGraphCapture of model '${model}' has no effect: graph capture ends the process on this platform`);
    }
  }
  return options;
}
