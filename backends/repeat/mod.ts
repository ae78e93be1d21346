import { type Clock, systemClock } from "../../core/clock.ts";
import { requestCancelled } from "../../core/errors/request.ts";
import type { Backend, BackendContext, LoadedModel, ModelSource } from "../backend.ts";
import { checkConfig } from "./check_config.ts";
import { RepeatInstance } from "./instance.ts";

/** A loaded repeat model. */
export interface RepeatModel extends LoadedModel {
  readonly instances: readonly RepeatInstance[];
}

/**
 * Triton's `repeat`, the example of a decoupled backend that client suites lean on. For inputs `IN` INT32[n], `DELAY`
 * UINT32[n] and `WAIT` UINT32[1] it sends n responses: `OUT` INT32[1] is `IN[i]`, `IDX` UINT32[1] is i, each after
 * `DELAY[i]` milliseconds; another request is taken after `WAIT` milliseconds. No model file is needed; the version
 * directories may be empty.
 *
 * With `sequence_batching { iterative_sequence: true }` each execution sends one response and has the request executed
 * again for the next, as models that generate token by token do, so that one instance serves several requests in turns.
 */
export class RepeatBackend implements Backend {
  readonly name = "repeat";

  constructor(private readonly clock: Clock) {}

  // deno-lint-ignore require-await -- what does not fit rejects, as the interface promises
  async load(source: ModelSource, _context: BackendContext): Promise<RepeatModel> {
    checkConfig(source.config);
    const instances = source.config.instanceGroup.flatMap((group) =>
      Array.from({ length: group.count }, (_, index) => new RepeatInstance(source, group, index, this.clock))
    );
    return {
      instances,
      device: "CPU",
      note: "",
      unload() {
        for (const instance of instances) instance.stop(requestCancelled());
        return Promise.resolve();
      },
    };
  }
}

/** The backend on the process's clock. */
export const repeatBackend: Backend = new RepeatBackend(systemClock);
