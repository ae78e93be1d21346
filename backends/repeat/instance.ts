import type { Clock } from "../../core/clock.ts";
import { repeatLengths } from "../../core/errors/repeat.ts";
import { requestCancelled } from "../../core/errors/request.ts";
import type { InferenceRequest } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { alignedBytes, type Tensor } from "../../core/tensor.ts";
import type { ModelInstanceGroup } from "../../proto/gen/model_config_pb.ts";
import type { Execution, ModelInstance, ModelSource } from "../backend.ts";
import { Repetition, type RepetitionPlan } from "./repetition.ts";

/**
 * One instance of a repeat model. It takes the next request when the WAIT of the one before has passed, whether or not
 * the responses of that one have all been sent, so responses of several requests may come interleaved.
 */
export class RepeatInstance implements ModelInstance {
  readonly name: string;
  readonly group: string;
  readonly passive: boolean;
  /** What holds the next request back is {@link available}. */
  readonly capacity = Infinity;
  onAvailable: () => void = () => {};

  /** Each execution sends one response and asks for the next one. */
  readonly #iterative: boolean;
  /** The response that is next, by the IN of a request that is executed again: the same tensor every time. */
  readonly #progress = new WeakMap<Tensor, number>();
  readonly #running = new Set<Repetition>();
  /** What ends each WAIT that has not passed. */
  readonly #waits = new Set<() => void>();

  /** @param index in the group. */
  constructor(
    private readonly source: ModelSource,
    group: ModelInstanceGroup,
    index: number,
    private readonly clock: Clock,
  ) {
    this.name = `${group.name}_${index}`;
    this.group = group.name;
    this.passive = group.passive;
    const { schedulingChoice } = source.config;
    this.#iterative = schedulingChoice.case === "sequenceBatching" && schedulingChoice.value.iterativeSequence;
  }

  get available(): boolean {
    return this.#waits.size === 0;
  }

  /** @param execution of one request: these models do not batch. */
  execute(execution: Execution): void {
    const request = execution.requests[0];
    const plan = this.#planOf(request);
    const error = request.signal?.aborted
      ? requestCancelled()
      : plan.values.length === plan.delays.length
      ? undefined
      : repeatLengths(plan.values.length, plan.delays.length);
    if (error) {
      execution.finish(NO_TIME, error);
      return;
    }
    if (plan.from === 0) this.#waitFor(plan.waitMs, request.signal);
    const { name, version } = this.source;
    const repetition: Repetition = new Repetition(execution, plan, {
      modelName: name,
      modelVersion: String(version),
      clock: this.clock,
      onOver: () => this.#running.delete(repetition),
    });
    this.#running.add(repetition);
    repetition.start();
  }

  /** What an execution is to do: all of the request, or its next response. */
  #planOf(request: InferenceRequest): RepetitionPlan {
    const plan = planOf(request);
    const given = this.#iterative && request.inputs.find(({ name }) => name === "IN");
    if (!given) return plan;
    const from = this.#progress.get(given) ?? 0;
    this.#progress.set(given, from + 1);
    return { ...plan, from, until: Math.min(from + 1, plan.until) };
  }

  /** Ends what still runs. */
  stop(error: Status): void {
    for (const repetition of [...this.#running]) repetition.end(error);
    for (const end of [...this.#waits]) end();
  }

  /** Takes no other request for `ms`, or until nobody waits for this one. */
  #waitFor(ms: number, signal: AbortSignal | undefined): void {
    if (ms === 0) return;
    const release = () => {
      cancel();
      signal?.removeEventListener("abort", release);
      this.#waits.delete(release);
      if (this.#waits.size === 0) this.onAvailable();
    };
    this.#waits.add(release);
    const cancel = this.clock.after(ms, release);
    signal?.addEventListener("abort", release, { once: true });
  }
}

const NO_TIME = { inputMs: 0, inferMs: 0, outputMs: 0 };

function planOf({ inputs, outputs }: InferenceRequest): RepetitionPlan {
  const values = new Map<string, Uint8Array>();
  for (const { name, data } of inputs) values.set(name, alignedBytes(data, 4));
  const words = (name: string) => values.get(name) ?? new Uint8Array(0);
  const unsigned = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const wanted = (name: string) => outputs.length === 0 || outputs.includes(name);
  const given = words("IN");
  const count = given.byteLength / 4;
  return {
    values: new Int32Array(given.buffer, given.byteOffset, count),
    delays: unsigned(words("DELAY")),
    waitMs: unsigned(words("WAIT"))[0] ?? 0,
    wantsOut: wanted("OUT"),
    wantsIndex: wanted("IDX"),
    from: 0,
    until: count,
  };
}
