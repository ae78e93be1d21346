import type { Backend, BackendContext, BackendSettings, LoadedModel, ModelSource } from "../backend.ts";
import { completeConfig } from "./complete.ts";
import { modelPath, readGraph } from "./graph.ts";
import { ModelLoader } from "./loader.ts";
import { parseSettings, sessionSettings } from "./settings.ts";
import { validateConfig } from "./validate.ts";

/** Runs ONNX models: on WebGPU, on the CPU natively, or on the CPU in WebAssembly; one worker per instance. */
export const onnxruntimeBackend: Backend = {
  name: "onnxruntime",

  checkSettings(settings: BackendSettings, warning: (message: string) => void): void {
    parseSettings(settings, warning);
  },

  async complete(source: ModelSource, context: BackendContext): Promise<void> {
    const settings = parseSettings(context.settings, context.warning);
    const graph = await readGraph(await modelPath(source));
    completeConfig(source.config, graph, settings.defaultMaxBatchSize, context.info);
  },

  async load(source: ModelSource, context: BackendContext): Promise<LoadedModel> {
    const { config } = source;
    const settings = parseSettings(context.settings, context.warning);
    const graph = await readGraph(await modelPath(source));
    validateConfig(config, graph);
    const session = sessionSettings(config, settings, context);
    return await new ModelLoader(source, context, graph, settings, session).load();
  },
};
