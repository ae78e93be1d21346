import { create } from "@bufbuild/protobuf";
import { basename, join } from "node:path";
import { whyNotReadable } from "../backends/warmup_samples.ts";
import { fileNotReadable } from "../core/errors/repository.ts";
import { type ModelConfig, ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { completeBackend, normaliseConfig, readConfig, validateAtPoll } from "./config/mod.ts";
import type { PolledModel } from "./polled_model.ts";
import { revisionsOf } from "./revision.ts";
import { subdirectories } from "./scan.ts";
import { chooseVersions, versionsOf } from "./versions.ts";

/** How models are read. */
export interface PollOptions {
  /** `--model-config-name`: `configs/<name>.pbtxt` is read where it exists; "" for none. */
  readonly configName: string;
  /** False with `--disable-auto-complete-config`: every model needs a configuration file. */
  readonly autoComplete: boolean;
  /** Told what is odd about a model without being an error. */
  readonly warn: (message: string) => void;
}

/**
 * Reads one model directory: its configuration, and the versions that its policy selects.
 *
 * @param directory absolute.
 * @throws Status INVALID_ARGUMENT or INTERNAL: what Triton calls a poll failure.
 */
export async function pollModel(directory: string, options: PollOptions): Promise<PolledModel> {
  const name = basename(directory);
  const config = await readConfigFile(directory, options);
  const { versions, warnings } = versionsOf(await subdirectories(directory), name);
  warnings.forEach(options.warn);
  completeBackend(
    config,
    name,
    versions.length > 0 ? await fileNames(join(directory, String(versions[0]))) : undefined,
  );
  normaliseConfig(config);
  validateAtPoll(config, name);
  const { chosen, absent } = chooseVersions(config.versionPolicy, versions);
  for (const version of absent) {
    options.warn(`version ${version} is specified for model '${name}', but the version directory is not present`);
  }
  return { name, directory, config, versions: chosen, revisions: await revisionsOf(directory, chosen) };
}

async function readConfigFile(directory: string, { configName, autoComplete }: PollOptions): Promise<ModelConfig> {
  const custom = join(directory, "configs", `${configName}.pbtxt`);
  const text = configName === "" ? undefined : await readIfPresent(custom);
  if (text !== undefined) return readConfig(custom, text);
  const path = join(directory, "config.pbtxt");
  const usual = await readIfPresent(path);
  if (usual !== undefined) return readConfig(path, usual);
  if (!autoComplete) throw fileNotReadable(path, "No such file or directory");
  return create(ModelConfigSchema);
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw fileNotReadable(path, whyNotReadable(thrown));
  }
}

async function fileNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) names.push(name);
  return names;
}
