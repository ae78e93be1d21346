import type { LoadedModel } from "../backends/backend.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";
import type { RateLimiter } from "../scheduler/rate_limiter/rate_limiter.ts";

/** Gives the rate limiter the instances of a model version. */
export interface RateLimits {
  /** The loaded version with instances that wait for their resources, which it gives back when it is unloaded. */
  limit(loaded: LoadedModel): LoadedModel;
  /** The version was not loaded. */
  cancel(): void;
}

const NO_LIMITS: RateLimits = { limit: (loaded) => loaded, cancel() {} };

/**
 * Makes the instance groups of a version, normalised before, known to the rate limiter. Resources that are not global
 * belong to the group's first GPU; groups without one share those of device 0, as in Triton.
 *
 * @throws Status INVALID_ARGUMENT where an instance could never run.
 */
export function rateLimitsOf(config: ModelConfig, limiter: RateLimiter | undefined): RateLimits {
  if (!limiter || !config.instanceGroup.some(({ rateLimiter }) => rateLimiter?.resources.length)) return NO_LIMITS;
  const registration = limiter.register(config.instanceGroup.map(({ name, gpus, rateLimiter }) => ({
    name,
    device: gpus[0] ?? 0,
    needs: rateLimiter?.resources ?? [],
    priority: rateLimiter?.priority ?? 0,
  })));
  return {
    limit: (loaded) => ({
      instances: loaded.instances.map((instance) => registration.limit(instance)),
      get device() {
        return loaded.device;
      },
      get note() {
        return loaded.note;
      },
      get moved() {
        return loaded.moved;
      },
      check: loaded.check,
      lost: loaded.lost,
      async unload() {
        try {
          await loaded.unload();
        } finally {
          registration.remove();
        }
      },
    }),
    cancel: () => registration.remove(),
  };
}
