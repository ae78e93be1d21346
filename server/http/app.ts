import { Hono } from "hono";
import { methodNotAllowed, notFound } from "../../core/errors/http.ts";
import type { InferenceServer } from "../inference_server.ts";
import { batchingRoutes } from "./batching.ts";
import { DisconnectWatch } from "./disconnect.ts";
import { GenerateEndpoint } from "./generate.ts";
import { healthRoutes } from "./health.ts";
import { InferEndpoint } from "./infer.ts";
import { metadataRoutes } from "./metadata.ts";
import { modelsRoutes } from "./models.ts";
import { notServedRoutes } from "./not_served.ts";
import type { HttpOptions } from "./options.ts";
import { repositoryRoutes } from "./repository.ts";
import { errorResponse } from "./respond.ts";
import { type Handler, InferPaths, modelPath, pathOf, route } from "./route.ts";
import { sharedMemoryRoutes } from "./shared_memory.ts";
import { statisticsRoutes } from "./statistics.ts";

/**
 * The HTTP front end: Triton's routes, and ours. Paths are matched as they were sent. Errors are always
 * `application/json` with `{"error": text}`. Inference is found before routing, by its URL.
 */
export function createHttpApp(server: InferenceServer, options: HttpOptions): Hono {
  const app = new Hono({ getPath: (request) => pathOf(request.url) });
  const watch = new DisconnectWatch();
  const inference = new InferEndpoint(server, options, watch);
  const generation = new GenerateEndpoint(server, options, watch);
  app.onError((error) => errorResponse(error));
  app.notFound(() => errorResponse(notFound()));

  healthRoutes(app, server);
  statisticsRoutes(app, server.repository);
  batchingRoutes(app, server.repository);
  modelsRoutes(app, server.repository);
  metadataRoutes(app, server);
  repositoryRoutes(app, server.repository, options);
  sharedMemoryRoutes(app);
  notServedRoutes(app, server);
  const endpoints = {
    infer: inference.answer.bind(inference),
    generate: generation.generate.bind(generation),
    generate_stream: generation.stream.bind(generation),
  };
  for (const [endpoint, answer] of Object.entries(endpoints)) {
    const handler: Handler = (context) => {
      const { name, version } = modelPath(context);
      return answer(context.req.raw, name, version);
    };
    route(app, `/v2/models/:model/${endpoint}`, { POST: handler });
    route(app, `/v2/models/:model/versions/:version{[0-9]+}/${endpoint}`, { POST: handler });
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
