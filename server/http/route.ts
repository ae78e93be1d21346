import type { Context, Hono } from "hono";
import { methodNotAllowed } from "../../core/errors/http.ts";
import { errorResponse } from "./respond.ts";

/** Answers a request; what it throws becomes an error response. */
export type Handler = (context: Context) => Response | Promise<Response>;

/** What one path answers to. */
export type Methods = { readonly [method in "GET" | "POST"]?: Handler };

/**
 * Serves a path: HEAD as GET without a body, OPTIONS with what is allowed, other methods with 405.
 *
 * @param path in Hono's syntax. A version is `:version{[0-9]+}`: anything else is no route.
 */
export function route(app: Hono, path: string, methods: Methods): void {
  const allowed = [...(methods.GET ? ["GET", "HEAD"] : []), ...(methods.POST ? ["POST"] : []), "OPTIONS"].join(", ");
  if (methods.GET) app.get(path, methods.GET);
  if (methods.POST) app.post(path, methods.POST);
  app.options(path, () => new Response(null, { status: 204, headers: { allow: allowed } }));
  app.all(path, () => errorResponse(methodNotAllowed(), { allow: allowed }));
}

/** The path of a URL as the client sent it: nothing decoded, nothing resolved, without the query. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  for (let end = start; end < url.length; end++) {
    const char = url.charCodeAt(end);
    if (char === 0x3f || char === 0x23) return url.slice(start, end);
  }
  return start === -1 ? "/" : url.slice(start);
}

/** A model as a path names it. */
export interface ModelPath {
  readonly name: string;
  /** "" without one. */
  readonly version: string;
}

const MODEL_PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([0-9]+))?(?:\/|$)/;
const INFER_PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([0-9]+))?\/infer$/;

/** The model that a routed request is about. Not by Hono's parameters: those are percent-decoded, names are not. */
export function modelPath(context: Context): ModelPath {
  const [, name, version = ""] = MODEL_PATH.exec(context.req.path)!;
  return { name, version };
}

/** Finds requests for inference without going through the router: by their URL, of which few are ever seen. */
export class InferPaths {
  static readonly #MAX = 1024;
  static readonly #MAX_LENGTH = 512;
  readonly #known = new Map<string, ModelPath>();

  /** The model whose inference a URL asks for, undefined if it asks for something else. */
  match(url: string): ModelPath | undefined {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const match = INFER_PATH.exec(pathOf(url));
    if (match === null) return undefined;
    const path: ModelPath = { name: match[1], version: match[2] ?? "" };
    if (url.length <= InferPaths.#MAX_LENGTH) {
      if (this.#known.size === InferPaths.#MAX) this.#known.clear();
      this.#known.set(url, path);
    }
    return path;
  }
}
