import type { Hono } from "hono";
import { bodyNotAnObject, readyNotABoolean } from "../../core/errors/http.ts";
import { explicitLoadNotAllowed, repositoryNameNotSupported } from "../../core/errors/wire.ts";
import type { IndexEntry, Repository } from "../../model_repository/model.ts";
import { protocolIndex } from "../repository_index.ts";
import { isObject } from "./json_reader.ts";
import { readJsonBody } from "./json_body.ts";
import type { HttpOptions } from "./options.ts";
import { jsonResponse } from "./respond.ts";
import { route } from "./route.ts";

/** The model repository extension. The repository decides by itself what is loaded, so load and unload are refused. */
export function repositoryRoutes(app: Hono, repository: Repository, options: HttpOptions): void {
  for (const path of ["/v2/repository/index", "/v2/repository/:repository/index"]) {
    route(app, path, {
      async POST(context) {
        const ready = await readReady(context.req.raw, options);
        return jsonResponse(JSON.stringify(protocolIndex(repository, ready).map(indexEntry)));
      },
    });
  }
  for (const action of ["load", "unload"]) {
    route(app, `/v2/repository/models/:model/${action}`, {
      POST() {
        throw explicitLoadNotAllowed();
      },
    });
    route(app, `/v2/repository/:repository/models/:model/${action}`, {
      POST() {
        throw repositoryNameNotSupported();
      },
    });
  }
}

/** The one member of the body, which is optional. */
async function readReady(request: Request, options: HttpOptions): Promise<boolean> {
  const body = await readJsonBody(request, options);
  if (body === undefined) return false;
  if (!isObject(body)) throw bodyNotAnObject();
  const { ready = false } = body;
  if (typeof ready !== "boolean") throw readyNotABoolean();
  return ready;
}

function indexEntry({ name, version, state, reason }: IndexEntry) {
  return {
    name,
    ...(version === undefined ? {} : { version: String(version) }),
    ...(state === undefined ? {} : { state }),
    ...(reason ? { reason } : {}),
  };
}
