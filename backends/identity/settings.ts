import { identityParameter } from "../../core/errors/identity.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";

/** The model parameters of the identity backend. */
export interface IdentitySettings {
  /** Time each execution takes. */
  readonly executeDelayMs: number;
  /** Multiplies the delay by this and the instance's index, where that is more than 1. */
  readonly delayMultiplier: number;
  readonly creationDelayMs: number;
  readonly customTracing: boolean;
  readonly nestedSpanCount: number;
}

/** @throws Status INVALID_ARGUMENT for a value that is not what the parameter takes. */
export function settingsOf(config: ModelConfig): IdentitySettings {
  const { parameters } = config;
  const text = (key: string) => parameters[key]?.stringValue;
  const number = (key: string) => {
    const value = text(key);
    if (value === undefined) return 0;
    if (!/^\d+$/.test(value)) throw identityParameter(config.name, key, value, "an integer of at least 0");
    return Number(value);
  };
  const boolean = (key: string) => {
    const value = text(key)?.toLowerCase();
    if (value === undefined) return false;
    if (["true", "1"].includes(value)) return true;
    if (["false", "0"].includes(value)) return false;
    throw identityParameter(config.name, key, value, "true or false");
  };
  return {
    executeDelayMs: number("execute_delay_ms"),
    delayMultiplier: number("instance_wise_delay_multiplier"),
    creationDelayMs: number("creation_delay_sec") * 1000,
    customTracing: boolean("enable_custom_tracing"),
    nestedSpanCount: number("nested_span_count"),
  };
}
