import type { Hono } from "hono";
import type { InferenceServer } from "../inference_server.ts";
import { emptyResponse } from "./respond.ts";
import { modelPath, route } from "./route.ts";

/**
 * Liveness and readiness: of the server an empty 200 or an empty 400, as probes expect; of a model an empty 200 or the
 * error that says why not.
 */
export function healthRoutes(app: Hono, server: InferenceServer): void {
  route(app, "/v2/health/live", {
    GET() {
      return emptyResponse(server.live ? 200 : 400);
    },
  });
  route(app, "/v2/health/ready", {
    GET() {
      return emptyResponse(server.ready ? 200 : 400);
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
