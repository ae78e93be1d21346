import type { Tensor } from "../../core/tensor.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { WarmupSample } from "../warmup_samples.ts";
import type { WorkerTensor } from "../worker/protocol.ts";
import { generateInputs, type InputPlan, inputPlans } from "./check_inputs.ts";
import { compareOutputs } from "./compare_outputs.ts";
import { shapeText } from "./describe.ts";
import type { OnnxGraph } from "./graph.ts";

/** What the check needs of a session: `WorkerInstance` is one. */
export interface CheckedSession {
  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
}

/** What a check found. */
export interface CheckResult {
  /** Why the model must not serve from the GPU, as a sentence without its full stop; "" when it may. */
  readonly reason: string;
  /** What was compared, for the log. */
  readonly summary: string;
}

/** Comparisons of generated inputs: the values differ in each, and outputs that fit are fed back as inputs. */
const ROUNDS = 3;
/** A model whose run takes longer is compared once: on a software GPU a large one takes minutes. */
const SLOW_MS = 10_000;
/** Integers below this are reached by random ones. */
const RANDOM_BELOW = 10;
/** Values that the graph compares integers with, of which each is tried. */
const MOST_BRANCHES = 4;
/** Time for finding inputs that the model accepts; the ways to try are ordered by likelihood. */
const SEARCH_MS = 30_000;

/** Operators whose outputs differ from run to run by design. */
const RANDOM_OPS = [
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
  "Multinomial",
  "Bernoulli",
];

/** True for a graph whose outputs differ from run to run. */
export function drawsRandomNumbers({ opTypes }: OnnxGraph): boolean {
  return RANDOM_OPS.some((name) => opTypes.has(name));
}

/**
 * Compares a model on WebGPU with itself on the CPU: on its warmup samples where the config has them, and on generated
 * inputs otherwise. What the CPU refuses is passed over; what it computes, WebGPU must compute alike.
 *
 * WebGPU needs this because some graphs load there, place every operator, and answer wrongly.
 */
export async function checkGpu(
  graph: OnnxGraph,
  outputs: readonly string[],
  gpu: CheckedSession,
  cpu: CheckedSession,
  samples: readonly WorkerTensor[][],
): Promise<CheckResult> {
  const check = new Check(graph, outputs, gpu, cpu);
  for (const sample of samples) {
    const reference = await check.reference(sample);
    const reason = reference && await check.compare(sample, reference);
    if (reason) return { reason: `${reason}, on a warmup sample`, summary: "" };
  }
  if (check.compared > 0) return { reason: "", summary: check.summary("warmup samples") };
  return await checkGenerated(check, graph);
}

async function checkGenerated(check: Check, graph: OnnxGraph): Promise<CheckResult> {
  const checkedOn: string[] = [];
  for (const integer of [undefined, ...branchValues(graph)]) {
    const found = await findAcceptedInputs(check, graph, integer);
    if (!found) continue;
    const shapes = inputsText(found.inputs);
    const reason = await compareRounds(check, graph, found);
    if (reason !== "") return { reason: `${reason}, on generated inputs ${shapes}`, summary: "" };
    checkedOn.push(shapes);
  }
  if (checkedOn.length > 0) return { reason: "", summary: check.summary(`generated inputs ${checkedOn.join("; ")}`) };
  const reason = "its answers could not be checked, since the CPU accepts none of the generated inputs " +
    `(${check.lastError}); give it a model_warmup sample, or trust WebGPU with ` +
    "--backend-config=onnxruntime,gpu-check=off";
  return { reason, summary: "" };
}

/** Values of a single-valued integer input that may lead into branches which random ones do not reach. */
function branchValues(graph: OnnxGraph): number[] {
  const single = graph.inputs.some(({ datatype, shape }) =>
    datatype !== undefined && /^U?INT/.test(datatype) && shape?.every((dim) => dim === 1 || dim === -1)
  );
  return single ? graph.comparedIntegers.filter((value) => value >= RANDOM_BELOW).slice(0, MOST_BRANCHES) : [];
}

/** Why the GPU's outputs are not the CPU's in any of some rounds; "" if they are. */
async function compareRounds(check: Check, graph: OnnxGraph, { plan, inputs, reference }: AcceptedInputs) {
  let given = inputs;
  let expected = reference;
  for (let round = 1;; round++) {
    const began = performance.now();
    const reason = await check.compare(given, expected);
    const slow = performance.now() - began > SLOW_MS;
    if (reason !== "" || slow || round === ROUNDS) return reason;
    given = feedBack(generateInputs(graph.inputs, plan, round + 1), expected);
    const next = await check.reference(given);
    if (!next) return "";
    expected = next;
  }
}

interface AcceptedInputs {
  readonly plan: InputPlan;
  readonly inputs: WorkerTensor[];
  readonly reference: readonly Tensor[];
}

/** The first plan that the CPU accepts, better one with no empty output. */
async function findAcceptedInputs(
  check: Check,
  graph: OnnxGraph,
  integer: number | undefined,
): Promise<AcceptedInputs | undefined> {
  const end = performance.now() + SEARCH_MS;
  let fallback: AcceptedInputs | undefined;
  for (const plan of inputPlans(graph, integer)) {
    const inputs = generateInputs(graph.inputs, plan, 1);
    const reference = await check.reference(inputs);
    if (reference) {
      const found = { plan, inputs, reference };
      if (reference.every(({ data }) => data.length > 0)) return found;
      fallback ??= found;
    }
    if (performance.now() > end) break;
  }
  return fallback;
}

class Check {
  compared = 0;
  lastError = "";
  #largest = 0;
  readonly #random: boolean;

  constructor(
    private readonly graph: OnnxGraph,
    private readonly outputs: readonly string[],
    private readonly gpu: CheckedSession,
    private readonly cpu: CheckedSession,
  ) {
    this.#random = drawsRandomNumbers(graph);
  }

  /** The CPU's outputs; undefined where it refuses the inputs. */
  async reference(inputs: readonly WorkerTensor[]): Promise<readonly Tensor[] | undefined> {
    try {
      return await this.cpu.run(inputs, this.outputs);
    } catch (error) {
      this.lastError = firstLine(error);
    }
  }

  /** Why the GPU's outputs are not the CPU's; "" if they are. */
  async compare(inputs: readonly WorkerTensor[], reference: readonly Tensor[]): Promise<string> {
    let actual;
    try {
      actual = await this.gpu.run(inputs, this.outputs);
    } catch (error) {
      return `WebGPU fails where the CPU runs: ${firstLine(error)}`;
    }
    const { mismatch, largest } = compareOutputs(reference, actual, this.graph.lowPrecision, this.#random);
    this.compared++;
    this.#largest = Math.max(this.#largest, largest);
    return mismatch === "" ? "" : `WebGPU computes it wrongly: ${mismatch}`;
  }

  summary(inputs: string): string {
    const values = this.#random
      ? "shapes compared, since it draws random numbers"
      : `largest difference ${(100 * this.#largest).toPrecision(2)} % of what is allowed`;
    return `WebGPU agrees with the CPU on ${inputs} (${this.compared} compared, ${values})`;
  }
}

/** Replaces inputs by outputs of the same type and shape: states then change as they do in a sequence. */
function feedBack(inputs: WorkerTensor[], outputs: readonly Tensor[]): WorkerTensor[] {
  const unused = new Set(outputs);
  return inputs.map((input) => {
    for (const output of unused) {
      if (output.datatype !== input.datatype || shapeText(output.shape) !== shapeText(input.shape)) continue;
      unused.delete(output);
      return { ...input, data: output.data };
    }
    return input;
  });
}

/**
 * Warmup samples as the graph takes them: the requests of a sample as one batch, with controls and states, reshaped as
 * the config says. Samples that leave out an input of the graph are passed over.
 */
export function checkSamples(
  config: ModelConfig,
  graph: OnnxGraph,
  samples: readonly WarmupSample[],
): WorkerTensor[][] {
  const usable: WorkerTensor[][] = [];
  for (const { requests, overrides } of samples) {
    const given = [...requests[0].inputs, ...overrides];
    const tensors = graph.inputs.flatMap(({ name }) => {
      const tensor = given.find((each) => each.name === name);
      return tensor ? [asGraphTakesIt(config, tensor, requests.length)] : [];
    });
    if (tensors.length === graph.inputs.length) usable.push(tensors);
  }
  return usable;
}

function asGraphTakesIt(config: ModelConfig, tensor: Tensor, rows: number): WorkerTensor {
  const reshape = config.input.find(({ name }) => name === tensor.name)?.reshape;
  const batching = config.maxBatchSize > 0;
  const row = batching ? tensor.shape.slice(1) : tensor.shape;
  // Shapes of samples have no free dimensions: a free one of the reshape is what its fixed ones leave over.
  const fixed = reshape?.shape.reduce((product, dim) => dim > 0n ? product * Number(dim) : product, 1) ?? 1;
  const total = row.reduce((product, dim) => product * dim, 1);
  const shape = reshape ? reshape.shape.map((dim) => dim > 0n ? Number(dim) : total / fixed) : row;
  if (!batching) return { ...tensor, shape };
  const data = new Uint8Array(tensor.data.length * rows);
  for (let i = 0; i < rows; i++) data.set(tensor.data, i * tensor.data.length);
  return { ...tensor, shape: [rows, ...shape], data };
}

function inputsText(inputs: readonly WorkerTensor[]): string {
  return inputs.map(({ name, shape }) => `${name} ${shapeText(shape)}`).join(", ");
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}
