import type { Hono } from "hono";
import { regionNameMissing } from "../../core/errors/http.ts";
import { cudaRegionNotFound, sharedMemoryDisabled, systemRegionNotFound } from "../../core/errors/wire.ts";
import { jsonResponse } from "./respond.ts";
import { route } from "./route.ts";

/** The shared memory extensions while client shared memory is disabled: no region exists, none can be made. */
export function sharedMemoryRoutes(app: Hono): void {
  const disabled = () => {
    throw sharedMemoryDisabled();
  };
  for (const [kind, notFound] of [["system", systemRegionNotFound], ["cuda", cudaRegionNotFound]] as const) {
    const base = `/v2/${kind}sharedmemory`;
    route(app, `${base}/status`, { GET: () => jsonResponse("[]") });
    route(app, `${base}/region/:region/status`, {
      GET(context) {
        throw notFound(context.req.path.split("/")[4]);
      },
    });
    route(app, `${base}/register`, {
      POST() {
        throw regionNameMissing(kind);
      },
    });
    route(app, `${base}/region/:region/register`, { POST: disabled });
    route(app, `${base}/unregister`, { POST: disabled });
    route(app, `${base}/region/:region/unregister`, { POST: disabled });
  }
}
