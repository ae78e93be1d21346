import type { Hono } from "hono";
import { configToJson } from "../../model_repository/config/config_json.ts";
import type { Model } from "../../model_repository/model.ts";
import { EXTENSIONS, type InferenceServer, SERVER_VERSION } from "../inference_server.ts";
import { jsonResponse } from "./respond.ts";
import { modelPath, route } from "./route.ts";

/** Metadata of the server and of models, and the configuration of models. */
export function metadataRoutes(app: Hono, server: InferenceServer): void {
  const { repository } = server;
  const serverMetadata = JSON.stringify({ name: server.name, version: SERVER_VERSION, extensions: EXTENSIONS });
  route(app, "/v2", { GET: () => jsonResponse(serverMetadata) });

  for (const path of ["/v2/models/:model", "/v2/models/:model/versions/:version{[0-9]+}"]) {
    route(app, path, {
      GET(context) {
        const { name, version } = modelPath(context);
        const model = repository.find(name, version);
        const shown = version === "" ? repository.readyVersions(name) : [model];
        return jsonResponse(JSON.stringify(modelMetadata(model, shown)));
      },
    });
    route(app, `${path}/config`, {
      GET(context) {
        const { name, version } = modelPath(context);
        return jsonResponse(configToJson(repository.find(name, version).config));
      },
    });
  }
}

function modelMetadata({ name, config, inputs, outputs }: Model, versions: readonly Model[]) {
  return {
    name,
    versions: versions.map(({ version }) => String(version)),
    platform: config.platform || config.backend,
    inputs,
    outputs,
  };
}
