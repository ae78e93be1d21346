import { Status } from "../../core/status.ts";
import type { BackendContext, LoadedModel, ModelSource } from "../backend.ts";
import { probeGpu } from "../gpu.ts";
import { readStates } from "../state/initial_states.ts";
import type { StateSpec } from "../state/stateful_model.ts";
import { warmupSamples } from "../warmup_samples.ts";
import type { WorkerTensor } from "../worker/protocol.ts";
import { workerModule } from "../worker/module.ts";
import { Survivors } from "../worker/survivors.ts";
import { WorkerInstance, WorkerLoadError } from "../worker/worker_instance.ts";
import { batchPlanOf } from "../batch_io.ts";
import { InlineInstance } from "../inline_instance.ts";
import { offerToChains } from "./chain.ts";
import { requestCheck } from "./check_request.ts";
import { fedBySequences } from "./complete.ts";
import { checkGpu, checkSamples } from "./gpu_check.ts";
import type { GraphTensor, OnnxGraph } from "./graph.ts";
import { isFaster, largestInputs } from "./inline.ts";
import { deviceText, type InstancePlan, planInstances, threadsPerInstance, webGpuObstacle } from "./placement.ts";
import { assetDirectory } from "./runtime/assets.ts";
import type { OrtLoadOptions, OrtModelInfo, OrtRuntime, OrtTensorSpec } from "./runtime/options.ts";
import { OrtWorkerModel } from "./runtime/worker_model.ts";
import type { OrtSettings, SessionSettings } from "./settings.ts";

interface Started {
  readonly instance: WorkerInstance<OrtLoadOptions>;
  readonly threads: number;
}

/** Class name of the error by which a worker says that its runtime does not start on this machine. */
const RUNTIME_UNAVAILABLE = "RuntimeUnavailableError";

/** Why the native runtime's library does not load on this machine, once that is known. */
let nativeFailure: string | undefined;

/** Starts the instances of one version, each where it can run. Used once. */
export class ModelLoader {
  readonly #started: Started[] = [];
  readonly #survivors: Survivors;
  readonly #inputs: readonly OrtTensorSpec[];
  readonly #outputs: readonly OrtTensorSpec[];
  #states: readonly StateSpec[] = [];
  #note = "";
  #moved = false;

  constructor(
    private readonly source: ModelSource,
    private readonly context: BackendContext,
    private readonly graph: OnnxGraph,
    private readonly settings: OrtSettings,
    private readonly session: SessionSettings,
  ) {
    // a sequence stays with its instance, which has to refuse it when it is given up
    this.#survivors = new Survivors(source.config.schedulingChoice.case !== "sequenceBatching");
    this.#inputs = servedInputs(source, graph);
    this.#outputs = servedOutputs(source, graph);
  }

  /** @throws Status with the reason; nothing that was started stays behind then. */
  async load(): Promise<LoadedModel> {
    try {
      this.#states = await readStates(this.source.config, this.source.directory);
      const plans = planInstances(this.source.config, this.context.warning);
      const inline = await this.#loadInline(plans);
      if (inline) return inline;
      const started = await this.#startAll(plans);
      const loaded = {
        instances: started.map(({ instance }) => instance),
        device: deviceText(started.map(({ instance, threads }) => ({ ...instance.info, threads }))),
        note: this.#note,
        moved: this.#moved,
        check: requestCheck(this.source.config),
        lost: this.#survivors.lost,
        unload: () => this.#stopAll(),
      };
      if (started.every(({ instance }) => instance.info.runtime === "webgpu")) {
        const { gpuCheck, executionTimeoutSecs } = this.settings;
        const options = this.#loadOptions("webgpu", 1);
        const { directory } = this.source;
        offerToChains(loaded, { options, graph: this.graph, directory, gpuCheck, executionTimeoutSecs });
      }
      return loaded;
    } catch (thrown) {
      await this.#stopAll();
      throw thrown instanceof WorkerLoadError ? thrown.status : Status.from(thrown);
    }
  }

  /** The model on the main thread, if that is where it is fastest and where nothing it does can be long. */
  async #loadInline(plans: readonly InstancePlan[]): Promise<LoadedModel | undefined> {
    const { settings, source } = this;
    if (!settings.inline || settings.cpuRuntime === "wasm" || plans.some(({ gpu, passive }) => gpu || passive)) return;
    const largest = largestInputs(source.config, this.graph, this.#inputs);
    if (!largest || nativeFailure !== undefined) return;
    const model = new OrtWorkerModel();
    const outputs = this.#outputs.map(({ name }) => name);
    try {
      await model.load(this.#loadOptions("native", 1));
    } catch {
      return; // the way through a worker finds out, and says, why
    }
    if (!isFaster(model, largest, outputs)) {
      await model.release();
      return;
    }
    const { name, group } = plans[0];
    const instance = new InlineInstance({
      name,
      group,
      modelName: source.name,
      modelVersion: String(source.version),
      model,
      outputs,
      plan: batchPlanOf(source.config),
    });
    return { instances: [instance], device: "CPU (native, inline)", note: "", unload: () => instance.stop() };
  }

  /** The instances in the order of their plans. */
  async #startAll(plans: readonly InstancePlan[]): Promise<Started[]> {
    let onGpu = plans.filter((plan) => plan.gpu);
    let first: Started | undefined;
    if (onGpu.length > 0) {
      first = await this.#firstOnGpu(onGpu[0]);
      if (!first) onGpu = [];
    }
    const threads = threadsPerInstance(
      this.session.intraOpThreads,
      plans.length - onGpu.length,
      navigator.hardwareConcurrency,
    );
    const starting = plans.map((plan) => {
      if (first && plan === onGpu[0]) return first;
      return onGpu.includes(plan) ? this.#start(plan, "webgpu", 1) : this.#startOnCpu(plan, threads);
    });
    // every one of them has to end before a failure is reported, so that none is left behind
    for (const result of await Promise.allSettled(starting)) if (result.status === "rejected") throw result.reason;
    return await Promise.all(starting);
  }

  /** The first instance on WebGPU, checked; undefined when the model has to run on the CPU, with the note saying why. */
  async #firstOnGpu(plan: InstancePlan): Promise<Started | undefined> {
    const obstacle = webGpuObstacle(this.graph);
    if (obstacle !== "") return this.#moveToCpu(obstacle);
    // asked for here, the adapter keeps the graphics driver loaded, which workers that end would unload
    await probeGpu();
    let first: Started;
    try {
      first = await this.#start(plan, "webgpu", 1);
    } catch (error) {
      if (!(error instanceof WorkerLoadError)) throw error;
      return this.#moveToCpu(`WebGPU cannot run it: ${error.message.split("\n")[0]}`);
    }
    const reason = this.settings.gpuCheck ? await this.#checkAgainstCpu(first) : "";
    if (reason !== "") {
      await this.#stop(first);
      return this.#moveToCpu(reason);
    }
    this.#note = (first.instance.info as OrtModelInfo).placement;
    return first;
  }

  #moveToCpu(reason: string): undefined {
    this.#note = `moved to the CPU: ${reason}`;
    this.#moved = true;
  }

  async #checkAgainstCpu({ instance }: Started): Promise<string> {
    const threads = threadsPerInstance(0, 1, navigator.hardwareConcurrency);
    const plan = { name: `${instance.name}_check`, group: instance.group, passive: true, gpu: false };
    let reference: Started;
    try {
      reference = await this.#startOnCpu(plan, threads);
    } catch (error) {
      if (!(error instanceof WorkerLoadError)) throw error;
      // there is nothing to move to: it serves from the GPU or not at all
      this.context.warning(`serves from WebGPU unchecked, since the CPU cannot run it: ${error.message}`);
      return "";
    }
    try {
      const outputs = this.#outputs.map(({ name }) => name);
      const samples = await this.#samples();
      const { reason, summary } = await checkGpu(this.graph, outputs, instance, reference.instance, samples);
      if (reason === "") this.context.info(summary);
      return reason;
    } finally {
      await this.#stop(reference);
    }
  }

  /** Usable warmup samples; what is wrong with the others is reported when they are to warm up. */
  async #samples(): Promise<WorkerTensor[][]> {
    try {
      const samples = await warmupSamples(this.source.config, this.source.directory);
      return checkSamples(this.source.config, this.graph, samples);
    } catch {
      return [];
    }
  }

  async #startOnCpu(plan: InstancePlan, threads: number): Promise<Started> {
    const { cpuRuntime } = this.settings;
    if (cpuRuntime === "native" || (cpuRuntime === "auto" && nativeFailure === undefined)) {
      try {
        return await this.#start(plan, "native", threads);
      } catch (error) {
        const unavailable = error instanceof WorkerLoadError && error.kind === RUNTIME_UNAVAILABLE;
        if (!unavailable || cpuRuntime === "native") throw error;
        if (nativeFailure === undefined) {
          nativeFailure = error.message;
          this.context.warning(`the native CPU runtime does not load, WebAssembly is used instead: ${nativeFailure}`);
        }
      }
    }
    return await this.#start(plan, "wasm", threads);
  }

  async #start(plan: InstancePlan, runtime: OrtRuntime, threads: number): Promise<Started> {
    const { source, context } = this;
    const instance = await WorkerInstance.start<OrtLoadOptions>({
      name: plan.name,
      group: plan.group,
      passive: plan.passive,
      modelName: source.name,
      modelVersion: String(source.version),
      module: workerModule("backends/onnxruntime/worker"),
      options: this.#loadOptions(runtime, threads),
      inputs: this.#inputs,
      outputs: this.#outputs,
      plan: batchPlanOf(source.config),
      blocking: runtime !== "webgpu",
      executionTimeoutSecs: this.settings.executionTimeoutSecs,
      survivors: this.#survivors,
      onLog: (severity, text) => context[severity](text),
    });
    const started = { instance, threads };
    this.#started.push(started);
    return started;
  }

  #loadOptions(runtime: OrtRuntime, threads: number): OrtLoadOptions {
    const { source, session } = this;
    return {
      modelName: source.name,
      modelPath: this.graph.path,
      runtime,
      intraOpThreads: threads,
      interOpThreads: session.interOpThreads,
      executionMode: session.executionMode,
      graphOptimization: session.graphOptimization,
      memoryArena: session.memoryArena,
      memoryPattern: session.memoryPattern,
      sessionConfig: session.sessionConfig,
      webgpu: session.webgpu,
      assetDirectory: assetDirectory(),
      inputs: this.#inputs,
      outputs: this.#outputs,
      states: this.#states,
      batching: source.config.maxBatchSize > 0,
    };
  }

  async #stop(started: Started): Promise<void> {
    this.#started.splice(this.#started.indexOf(started), 1);
    await started.instance.stop();
  }

  async #stopAll(): Promise<void> {
    await Promise.all(this.#started.splice(0).map(({ instance }) => instance.stop()));
  }
}

/** What an execution may carry: the config's inputs, and those that batching and sequences fill. */
function servedInputs({ config }: ModelSource, graph: OnnxGraph): OrtTensorSpec[] {
  const names = new Set(config.input.map(({ name }) => name));
  for (const { targetName } of config.batchInput) for (const name of targetName) names.add(name);
  for (const name of fedBySequences(config)) names.add(name);
  return specs(names, [...graph.inputs, ...graph.overridable]);
}

/** What an execution may be asked for: the config's outputs, and states. */
function servedOutputs({ config }: ModelSource, graph: OnnxGraph): OrtTensorSpec[] {
  const names = new Set(config.output.map(({ name }) => name));
  if (config.schedulingChoice.case === "sequenceBatching") {
    for (const { outputName } of config.schedulingChoice.value.state) names.add(outputName);
  }
  return specs(names, graph.outputs);
}

function specs(names: ReadonlySet<string>, tensors: readonly GraphTensor[]): OrtTensorSpec[] {
  return [...names].map((name) => {
    const { datatype, shape } = tensors.find((tensor) => tensor.name === name)!;
    return { name, datatype: datatype!, scalar: shape?.length === 0 };
  });
}
