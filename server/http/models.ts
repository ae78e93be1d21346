import type { Hono } from "hono";
import type { IndexEntry, Model, Repository } from "../../model_repository/model.ts";
import { jsonResponse } from "./respond.ts";
import { route } from "./route.ts";

/**
 * `GET /v2/models`, which Triton does not have: every model in one answer, with the states of its versions, where they
 * run, and the inputs and outputs of those that are READY.
 */
export function modelsRoutes(app: Hono, repository: Repository): void {
  route(app, "/v2/models", { GET: () => jsonResponse(JSON.stringify({ models: modelsOf(repository) })) });
}

function modelsOf(repository: Repository) {
  const ready = new Map(repository.readyModels().map((model) => [keyOf(model), model]));
  const versions = new Map<string, object[]>();
  for (const entry of repository.index()) {
    const listed = versions.get(entry.name) ?? [];
    versions.set(entry.name, listed);
    if (entry.state !== undefined) listed.push(versionOf(entry, ready.get(keyOf(entry))));
  }
  return Array.from(versions, ([name, versions]) => ({ name, versions }));
}

function versionOf({ version, state, reason, device, note }: IndexEntry, model: Model | undefined) {
  return {
    ...(version === undefined ? {} : { version: String(version) }),
    state,
    ...(reason ? { reason } : {}),
    ...(device ? { device } : {}),
    ...(note ? { note } : {}),
    ...(model
      ? {
        platform: model.config.platform || model.config.backend,
        max_batch_size: model.config.maxBatchSize,
        inputs: model.inputs,
        outputs: model.outputs,
      }
      : {}),
  };
}

function keyOf({ name, version }: { name: string; version?: number }): string {
  return `${name}/${version}`;
}
