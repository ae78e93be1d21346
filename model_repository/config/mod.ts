/** Model configurations: reading `config.pbtxt`, completing and checking what it says, and showing it as JSON. */
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { parseTextFormat } from "./text_format.ts";

export { configToJson } from "./config_json.ts";
export { completeBackend, ENSEMBLE_PLATFORM, normaliseConfig } from "./defaults.ts";
export { configFromJson } from "./from_json.ts";
export { type IneffectiveSettings, ineffectiveSettings } from "./ineffective.ts";
export { normaliseInstanceGroups } from "./instance_groups.ts";
export { validateAtLoad, validateAtPoll } from "./validate.ts";

/**
 * Reads the text of a `config.pbtxt`.
 *
 * @param path names the file in errors: `<path>:<line>:<column>: …`.
 * @throws Status INVALID_ARGUMENT for the first mistake.
 */
export function readConfig(path: string, text: string): ModelConfig {
  return parseTextFormat(ModelConfigSchema, text, path);
}
