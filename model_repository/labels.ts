import { join } from "node:path";
import { whyNotReadable } from "../backends/warmup_samples.ts";
import { fileNotReadable } from "../core/errors/repository.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

/**
 * The labels of the outputs that have a `label_filename`: one label per line, by output name.
 *
 * @param directory the model's, to which the file names are relative.
 * @throws Status INTERNAL for a file that cannot be read.
 */
export async function readLabels(config: ModelConfig, directory: string): Promise<Map<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  for (const { name, labelFilename } of config.output) {
    if (labelFilename === "") continue;
    const path = join(directory, labelFilename);
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (thrown) {
      throw fileNotReadable(path, whyNotReadable(thrown));
    }
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    labels.set(name, lines);
  }
  return labels;
}
