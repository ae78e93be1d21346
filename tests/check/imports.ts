/**
 * Imports point one way: server, model_repository, scheduler, backends, core. Deno's own module graph says who imports
 * whom, types included.
 */
import { relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";

/** What each room may import, besides itself. A folder that is not here may import all of them; none may import it. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "core": [],
  "proto/gen": [],
  "observability": ["core", "proto/gen"],
  "backends": ["core", "observability", "proto/gen"],
  "scheduler": ["backends", "core", "observability", "proto/gen"],
  "model_repository": ["scheduler", "backends", "core", "observability", "proto/gen"],
  "server": ["model_repository", "scheduler", "backends", "core", "observability", "proto/gen"],
};

/** What a unit test may import beyond its room: the helpers that find reference data and say why a test is skipped. */
const TEST_HELPERS = "tests/support";

const IGNORED_FOLDERS = new Set([".git", ".cache", "dist", "node_modules"]);

async function sources(folder: string, found: string[] = []): Promise<string[]> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory && !IGNORED_FOLDERS.has(entry.name)) await sources(path, found);
    else if (entry.isFile && /\.[mc]?[jt]sx?$/.test(entry.name)) found.push(path);
  }
  return found;
}

function room(path: string): string {
  if (path.startsWith("proto/gen/")) return "proto/gen";
  const slash = path.indexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/** One file of ours and what it imports, as paths from the root of the checkout or as bare specifiers. */
export interface Module {
  readonly path: string;
  readonly imports: readonly string[];
}

/** A sentence for each import that points the wrong way, or out of what is pinned. */
export function wrongImports(modules: readonly Module[]): string[] {
  const wrong: string[] = [];
  for (const { path, imports } of modules) {
    const from = room(path);
    const allowed = ALLOWED[from];
    for (const target of imports) {
      if (/^(https?|jsr):/.test(target)) {
        wrong.push(`${path} imports ${target}: only npm packages pinned in deno.json, and node: modules`);
      } else if (target.startsWith("npm:")) {
        if (!/^npm:\/?(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+[^/^~*]*(\/|$)/.test(target)) {
          wrong.push(`${path} imports ${target}: give its exact version in deno.json`);
        }
      } else if (!/^[a-z]+:/.test(target)) {
        const to = room(target);
        if (to === from || (path.endsWith("_test.ts") && target.startsWith(`${TEST_HELPERS}/`))) continue;
        if (allowed ? !allowed.includes(to) : from !== "tests" && to !== "" && !(to in ALLOWED) && to !== "tests") {
          const may = allowed
            ? `${from} may import ${allowed.join(", ") || "nothing of ours"}`
            : `nobody imports ${to}`;
          wrong.push(`${path} imports ${target}: ${may}`);
        }
      }
    }
  }
  return wrong;
}

interface Graph {
  modules: { specifier: string; dependencies?: { specifier: string; code?: Resolved; type?: Resolved }[] }[];
}
interface Resolved {
  specifier?: string;
}

/** Every TypeScript and JavaScript file of the checkout with its imports. */
export async function modulesOfCheckout(): Promise<Module[]> {
  const files = await sources(ROOT);
  const entry = `${ROOT}/.cache/every_module.ts`;
  await Deno.mkdir(`${ROOT}/.cache`, { recursive: true });
  await Deno.writeTextFile(entry, files.map((file) => `import ${JSON.stringify(pathToFileURL(file))};\n`).join(""));
  const graph: Graph = JSON.parse(await mustRun([Deno.execPath(), "info", "--json", entry], { cwd: ROOT }));
  const root = pathToFileURL(`${ROOT}/`).href;
  const local = (specifier: string) =>
    specifier.startsWith(root) ? relative(ROOT, decodeURIComponent(new URL(specifier).pathname)) : specifier;
  return graph.modules
    .filter((module) => module.specifier.startsWith(root) && !module.specifier.startsWith(`${root}.cache/`))
    .map((module) => ({
      path: local(module.specifier),
      imports: (module.dependencies ?? []).map((each) => local((each.code ?? each.type)?.specifier ?? each.specifier)),
    }));
}
