import { type Clock, systemClock } from "../../core/clock.ts";
import type { Backend, BackendContext, BackendCounter, LoadedModel, ModelSource } from "../backend.ts";
import { IdentityInstance } from "./instance.ts";
import { settingsOf } from "./settings.ts";

/** As Triton's identity backend says it, which has the counter to show custom metrics. */
const BYTES_HELP = "Cumulative input byte size of all requests received by the model";

/** A loaded identity model. */
export interface IdentityModel extends LoadedModel {
  readonly instances: readonly IdentityInstance[];
  readonly counters: readonly BackendCounter[];
}

/**
 * A backend that copies input i to output i, whatever type and shape: Triton's `identity`, which client suites lean on.
 * It needs no model file; the version directories may be empty. Model parameters: `execute_delay_ms`,
 * `instance_wise_delay_multiplier`, `creation_delay_sec`, `enable_custom_tracing`, `nested_span_count`.
 */
export class IdentityBackend implements Backend {
  readonly name = "identity";

  constructor(private readonly clock: Clock) {}

  async load(source: ModelSource, _context: BackendContext): Promise<IdentityModel> {
    const settings = settingsOf(source.config);
    if (settings.creationDelayMs > 0) {
      await new Promise<void>((resolve) => this.clock.after(settings.creationDelayMs, resolve));
    }
    const instances: IdentityInstance[] = [];
    for (const group of source.config.instanceGroup) {
      for (let i = 0; i < group.count; i++) {
        instances.push(new IdentityInstance(source, settings, group, i, instances.length, this.clock));
      }
    }
    return {
      instances,
      device: "CPU",
      note: "",
      get counters() {
        const value = instances.reduce((sum, instance) => sum + instance.byteCount, 0);
        return [{ name: "input_byte_size_counter", help: BYTES_HELP, value }];
      },
      unload: () => Promise.resolve(),
    };
  }
}

/** The backend on the process's clock. */
export const identityBackend: Backend = new IdentityBackend(systemClock);
