import { Hono } from "hono";
import { methodNotAllowed, notFound } from "../../core/errors/http.ts";
import type { InferenceServer } from "../inference_server.ts";
import { healthRoutes } from "./health.ts";
import { InferEndpoint } from "./infer.ts";
import { metadataRoutes } from "./metadata.ts";
import { modelsRoutes } from "./models.ts";
import { notServedRoutes } from "./not_served.ts";
import type { HttpOptions } from "./options.ts";
import { repositoryRoutes } from "./repository.ts";
import { errorResponse } from "./respond.ts";
import { InferPaths, modelPath, pathOf, route } from "./route.ts";
import { sharedMemoryRoutes } from "./shared_memory.ts";
import { statisticsRoutes } from "./statistics.ts";

/**
 * The HTTP front end: Triton's routes, and ours. Paths are matched as they were sent. Errors are always
 * `application/json` with `{"error": text}`. Inference is found before routing, by its URL.
 */
export function createHttpApp(server: InferenceServer, options: HttpOptions): Hono {
  const app = new Hono({ getPath: (request) => pathOf(request.url) });
  const inference = new InferEndpoint(server, options);
  app.onError((error) => errorResponse(error));
  app.notFound(() => errorResponse(notFound()));

  healthRoutes(app, server);
  statisticsRoutes(app, server.repository);
  modelsRoutes(app, server.repository);
  metadataRoutes(app, server);
  repositoryRoutes(app, server.repository, options);
  sharedMemoryRoutes(app);
  notServedRoutes(app, server, options);
  for (const path of ["/v2/models/:model/infer", "/v2/models/:model/versions/:version{[0-9]+}/infer"]) {
    route(app, path, {
      POST(context) {
        const { name, version } = modelPath(context);
        return inference.answer(context.req.raw, name, version);
      },
    });
  }

  const paths = new InferPaths();
  const dispatch = app.fetch;
  app.fetch = (request, env, executionContext) => {
    if (request.method === "POST") {
      const path = paths.match(request.url);
      if (path !== undefined) return inference.answer(request, path.name, path.version);
    } else if (request.method === "CONNECT") return errorResponse(methodNotAllowed());
    return dispatch(request, env, executionContext);
  };
  return app;
}
