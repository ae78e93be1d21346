import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Execution, ModelInstance } from "../../backends/backend.ts";
import { ManualClock } from "../../core/clock.ts";
import { type CorrelationId, InferenceRequest } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import {
  DataType,
  type ModelConfig,
  ModelConfigSchema,
  ModelSequenceBatching_Control_Kind as Kind,
  type ModelSequenceBatchingSchema,
} from "../../proto/gen/model_config_pb.ts";
import type { AfterTurn } from "../dynamic/turn_gate.ts";
import { sequenceConfigOf } from "./config.ts";
import { SequenceScheduler } from "./sequence_scheduler.ts";

/** START, END and READY as INT32 0 and 1, CORRID as UINT64, each in a tensor of that name. */
export const ALL_CONTROLS: MessageInitShape<typeof ModelSequenceBatchingSchema>["controlInput"] = [
  { name: "START", control: [{ kind: Kind.CONTROL_SEQUENCE_START, int32FalseTrue: [0, 1] }] },
  { name: "END", control: [{ kind: Kind.CONTROL_SEQUENCE_END, int32FalseTrue: [0, 1] }] },
  { name: "READY", control: [{ kind: Kind.CONTROL_SEQUENCE_READY, int32FalseTrue: [0, 1] }] },
  { name: "CORRID", control: [{ kind: Kind.CONTROL_SEQUENCE_CORRID, dataType: DataType.TYPE_UINT64 }] },
];

/** A model `m` with an input IN of INT32 values and an output OUT. */
export function configOf(
  maxBatchSize: number,
  batching: MessageInitShape<typeof ModelSequenceBatchingSchema>,
  dims: bigint[] = [1n],
): ModelConfig {
  return create(ModelConfigSchema, {
    name: "m",
    maxBatchSize,
    input: [{ name: "IN", dataType: DataType.TYPE_INT32, dims }],
    output: [{ name: "OUT", dataType: DataType.TYPE_INT32, dims }],
    schedulingChoice: {
      case: "sequenceBatching",
      value: { maxSequenceIdleMicroseconds: 1_000_000n, controlInput: ALL_CONTROLS, ...batching },
    },
  });
}

/** An instance whose executions end when a test says so. */
export class FakeInstance implements ModelInstance {
  readonly group = "g";
  passive = false;
  capacity = 1;
  available = true;
  gone = false;
  onAvailable = () => {};
  readonly executions: Execution[] = [];

  constructor(readonly name: string) {}

  execute(execution: Execution): void {
    this.executions.push(execution);
  }

  /** The rows of the oldest execution, as text: `id START END` with `-` for an empty row. */
  get rows(): string {
    return this.executions.length === 0 ? "" : rowsText(this.executions[0]);
  }

  /** Answers the oldest execution. @param again rows to be executed once more. */
  answer(error?: Status, again: number[] = []): void {
    const execution = this.executions.shift()!;
    execution.requests.forEach((request, index) => {
      if (again.includes(index)) execution.reschedule!(index);
      else if (!error) execution.respond(index, { modelName: "m", modelVersion: "1", id: request.id, outputs: [] });
    });
    execution.finish({ inputMs: 1, inferMs: 2, outputMs: 3 }, error);
  }
}

/** The value of a control tensor of one element. */
export function valueOf(request: InferenceRequest, name: string): number {
  const tensor = request.inputs.find((input) => input.name === name)!;
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset);
  return tensor.datatype === "UINT64" ? Number(view.getBigUint64(0, true)) : view.getInt32(0, true);
}

function rowsText({ requests }: Execution): string {
  return requests.map((request) => {
    if (valueOf(request, "READY") === 0) return "-";
    const flags = (valueOf(request, "START") ? "s" : "") + (valueOf(request, "END") ? "e" : "");
    return `${valueOf(request, "CORRID")}${flags}`;
  }).join(" ");
}

/** What a test sends. */
export interface Sent {
  readonly start?: boolean;
  readonly end?: boolean;
  readonly timeoutMicros?: number;
  readonly signal?: AbortSignal;
  /** Length of the input. */
  readonly length?: number;
  readonly batchSize?: number;
}

export interface SetUpOptions {
  readonly instances?: number;
  readonly delayUntilQueued?: number;
  readonly delayUntilBacklogged?: number;
  readonly afterTurn?: AfterTurn;
}

/** A scheduler with fake instances and a clock that a test moves. */
export function setUp(config: ModelConfig, options: SetUpOptions = {}) {
  const instances = Array.from({ length: options.instances ?? 1 }, (_, index) => new FakeInstance(`m_${index}`));
  const statistics = new ModelStatistics();
  const clock = new ManualClock();
  const warnings: string[] = [];
  if (config.schedulingChoice.case !== "sequenceBatching") throw new Error("no sequence batching");
  const scheduler = new SequenceScheduler({
    modelName: "m",
    config: sequenceConfigOf(config, config.schedulingChoice.value),
    instances,
    statistics,
    clock,
    warning: (message) => warnings.push(message),
    delayUntilQueued: options.delayUntilQueued,
    delayUntilBacklogged: options.delayUntilBacklogged,
    afterTurn: options.afterTurn,
  });
  /** What became of each request: `ok`, or the error's code and message. */
  const outcomes: string[] = [];
  const send = (id: CorrelationId, sent: Sent = {}): number => {
    const request = new InferenceRequest("m", "");
    const length = sent.length ?? 1;
    const tensor: Tensor = {
      name: "IN",
      datatype: "INT32",
      shape: config.maxBatchSize > 0 ? [1, length] : [length],
      data: new Uint8Array(length * 4),
    };
    request.inputs = [tensor];
    request.correlationId = id;
    request.sequenceStart = sent.start ?? false;
    request.sequenceEnd = sent.end ?? false;
    request.timeoutMicros = sent.timeoutMicros ?? 0;
    request.signal = sent.signal;
    request.batchSize = sent.batchSize ?? 1;
    request.receivedAt = clock.now();
    const sink = new UnaryResponse();
    const index = outcomes.push("") - 1;
    const finish = sink.finish.bind(sink);
    // told at once: a promise would tell a turn later
    sink.finish = (error) => {
      outcomes[index] = error ? `${error.code}: ${error.message}` : "ok";
      finish(error);
    };
    sink.promise.catch(() => {});
    scheduler.enqueue(request, sink);
    return index;
  };
  return { instances, statistics, clock, warnings, scheduler, outcomes, send };
}
