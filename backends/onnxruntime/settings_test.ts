import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { parseSettings, sessionSettings } from "./settings.ts";

const DEFAULTS = parseSettings(new Map(), () => {});

function parse(entries: Record<string, string>) {
  const warnings: string[] = [];
  const map = new Map(Object.entries(entries));
  return { map, warnings, settings: parseSettings(map, (message) => warnings.push(message)) };
}

function session(config: MessageInitShape<typeof ModelConfigSchema>, settings = DEFAULTS) {
  const infos: string[] = [];
  const warnings: string[] = [];
  const log = { info: (text: string) => infos.push(text), warning: (text: string) => warnings.push(text) };
  return {
    infos,
    warnings,
    session: sessionSettings(create(ModelConfigSchema, { name: "m", ...config }), settings, log),
  };
}

Deno.test("parseSettings() has Triton's defaults and ours", () => {
  assert.deepEqual(DEFAULTS, {
    defaultMaxBatchSize: 4,
    intraOpThreads: 0,
    interOpThreads: 0,
    cpuRuntime: "auto",
    gpuCheck: true,
    inline: true,
    executionTimeoutSecs: 300,
  });
});

Deno.test("parseSettings() reads every setting", () => {
  const { settings, warnings } = parse({
    "default-max-batch-size": "16",
    intra_op_thread_count: "2",
    inter_op_thread_count: "3",
    "cpu-runtime": "wasm",
    "gpu-check": "off",
    inline: "0",
    "execution-timeout-secs": "7",
    "auto-complete-config": "true",
  });
  assert.deepEqual(settings, {
    defaultMaxBatchSize: 16,
    intraOpThreads: 2,
    interOpThreads: 3,
    cpuRuntime: "wasm",
    gpuCheck: false,
    inline: false,
    executionTimeoutSecs: 7,
  });
  assert.deepEqual(warnings, []);
});

Deno.test("parseSettings() warns of unknown keys once, with the nearest known", () => {
  const { map, warnings } = parse({ "gpu_chek": "off", "enable-global-threadpool": "1" });
  assert.equal(warnings.length, 2);
  assert.match(warnings[0], /^--backend-config=onnxruntime,gpu_chek=… is not known .*\(did you mean 'gpu-check'\?\)/);
  assert.match(warnings[1], /enable-global-threadpool has no effect/);
  parseSettings(new Map(map), () => assert.fail("a second warning"));
});

Deno.test("parseSettings() refuses bad values, saying what was expected", () => {
  const cases: [string, string, RegExp][] = [
    ["default-max-batch-size", "many", /'many' for --backend-config=onnxruntime,default-max-batch-size=many: .* whole/],
    ["default-max-batch-size", "-1", /at least 0/],
    ["intra_op_thread_count", "1.5", /whole number/],
    ["cpu-runtime", "nativ", /one of auto, native, wasm \(did you mean 'native'\?\)/],
    ["gpu-check", "perhaps", /on or off/],
    ["execution-timeout-secs", "0", /at least 1/],
  ];
  for (const [key, value, message] of cases) {
    assert.throws(() => parse({ [key]: value }), { code: "INVALID_ARGUMENT", message });
  }
});

Deno.test("sessionSettings() prefers the model's thread counts to the backend's", () => {
  const { settings } = parse({ intra_op_thread_count: "2", inter_op_thread_count: "3" });
  const parameters = { intra_op_thread_count: { stringValue: "5" } };
  assert.equal(session({ parameters }, settings).session.intraOpThreads, 5);
  assert.equal(session({ parameters }, settings).session.interOpThreads, 3);
  assert.equal(session({}).session.intraOpThreads, 0);
});

Deno.test("sessionSettings() maps optimization.graph.level as Triton does", () => {
  const levels = [-1, 0, 1, 2, 3].map((level) =>
    session({ optimization: { graph: { level } } }).session.graphOptimization
  );
  assert.deepEqual(levels, ["basic", "all", "extended", "disabled", "disabled"]);
});

Deno.test("sessionSettings() reads execution_mode and memory parameters", () => {
  const { session: set, infos } = session({
    parameters: {
      execution_mode: { stringValue: "1" },
      enable_mem_arena: { stringValue: "0" },
      enable_mem_pattern: { stringValue: "true" },
      "session.use_device_allocator_for_initializers": { stringValue: "1" },
      gpu_mem_limit: { stringValue: "1000" },
    },
  });
  assert.equal(set.executionMode, "parallel");
  assert.equal(set.memoryArena, false);
  assert.equal(set.memoryPattern, true);
  assert.deepEqual(set.sessionConfig, { "session.use_device_allocator_for_initializers": "1" });
  assert.deepEqual(infos, ["parameters of model 'm' accepted without effect: gpu_mem_limit"]);
});

Deno.test("sessionSettings() refuses bad parameters in Triton's words", () => {
  const parameters = (name: string, stringValue: string) => ({ parameters: { [name]: { stringValue } } });
  assert.throws(() => session(parameters("execution_mode", "2")), {
    code: "INVALID_ARGUMENT",
    message: /^Invalid configuration value provided. Expected values for execution_mode are 0 or 1 but got 2/,
  });
  assert.throws(() => session(parameters("intra_op_thread_count", "two")), { message: /^failed to convert 'two' to/ });
  assert.throws(() => session(parameters("enable_mem_arena", "maybe")), {
    message: /^failed to convert 'maybe' to bool/,
  });
});

Deno.test("sessionSettings() takes webgpu, warns of Triton's accelerators and refuses others", () => {
  const accelerators = (gpu: object[], cpu: object[] = []) =>
    session({
      optimization: { executionAccelerators: { gpuExecutionAccelerator: gpu, cpuExecutionAccelerator: cpu } },
    });
  const parameters = { preferredLayout: "NHWC", enableGraphCapture: "1", preferedLayout: "NCHW" };
  const own = accelerators([{ name: "webgpu", parameters }]);
  assert.deepEqual(own.session.webgpu, { preferredLayout: "NHWC" });
  assert.equal(own.warnings.length, 2);
  assert.match(own.warnings[1], /'preferedLayout' .*did you mean 'preferredLayout'/);
  const foreign = accelerators([{ name: "tensorrt" }, { name: "cuda" }], [{ name: "openvino" }]);
  assert.equal(foreign.warnings.length, 3);
  assert.throws(() => accelerators([{ name: "web-gpu" }]), {
    code: "INVALID_ARGUMENT",
    message: /^unknown Execution Accelerator 'web-gpu' is requested \(did you mean 'webgpu'\?\)/,
  });
  assert.throws(() => accelerators([], [{ name: "webgpu" }]), { message: /^unknown Execution Accelerator 'webgpu'/ });
  assert.throws(() => accelerators([{ name: "webgpu", parameters: { preferredLayout: "HWC" } }]), {
    message: /^unsupported value 'HWC' for parameter 'preferredLayout'/,
  });
});
