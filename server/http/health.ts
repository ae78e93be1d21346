import type { Hono } from "hono";
import { serverNotLive, serverNotReady } from "../../core/errors/http.ts";
import type { InferenceServer } from "../inference_server.ts";
import { emptyResponse } from "./respond.ts";
import { modelPath, route } from "./route.ts";

/** Liveness and readiness, of the server and of models: an empty 200, or an error that says why not. */
export function healthRoutes(app: Hono, server: InferenceServer): void {
  route(app, "/v2/health/live", {
    GET() {
      if (!server.live) throw serverNotLive();
      return emptyResponse();
    },
  });
  route(app, "/v2/health/ready", {
    GET() {
      if (!server.ready) throw serverNotReady();
      return emptyResponse();
    },
  });
  for (const path of ["/v2/models/:model/ready", "/v2/models/:model/versions/:version{[0-9]+}/ready"]) {
    route(app, path, {
      GET(context) {
        const { name, version } = modelPath(context);
        server.repository.find(name, version);
        return emptyResponse();
      },
    });
  }
}
