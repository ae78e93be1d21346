import type { Hono } from "hono";
import { bodyNotAnObject, malformedJson, notServedYet } from "../../core/errors/http.ts";
import type { InferenceServer } from "../inference_server.ts";
import { isObject } from "./json_reader.ts";
import { readJsonBody } from "./json_body.ts";
import type { HttpOptions } from "./options.ts";
import { type Handler, modelPath, route } from "./route.ts";

/** Routes of extensions that this server does not have: they refuse what is wrong as it is, and say so for the rest. */
export function notServedRoutes(app: Hono, server: InferenceServer, options: HttpOptions): void {
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

  const generate: Handler = async (context) => {
    const { name, version } = modelPath(context);
    server.repository.find(name, version);
    const body = await readJsonBody(context.req.raw, options);
    if (body === undefined) throw malformedJson("The document is empty.", 0);
    if (!isObject(body)) throw bodyNotAnObject();
    throw notServedYet("the generate extension");
  };
  for (const path of ["/v2/models/:model", "/v2/models/:model/versions/:version{[0-9]+}"]) {
    route(app, `${path}/generate`, { POST: generate });
    route(app, `${path}/generate_stream`, { POST: generate });
  }
}
