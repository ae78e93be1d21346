import type { Hono } from "hono";
import { notServedYet } from "../../core/errors/http.ts";
import type { InferenceServer } from "../inference_server.ts";
import { type Handler, modelPath, route } from "./route.ts";

/** Routes of extensions that this server does not have: they refuse what is wrong as it is, and say so for the rest. */
export function notServedRoutes(app: Hono, server: InferenceServer): void {
  const notServed = (what: string): Handler => () => {
    throw notServedYet(what);
  };
  const trace = notServed("the trace extension");
  route(app, "/v2/trace/setting", { GET: trace, POST: trace });
  const modelTrace: Handler = (context) => {
    server.repository.find(modelPath(context).name, "");
    return trace(context);
  };
  route(app, "/v2/models/:model/trace/setting", { GET: modelTrace, POST: modelTrace });
  const logging = notServed("the logging extension");
  route(app, "/v2/logging", { GET: logging, POST: logging });
}
