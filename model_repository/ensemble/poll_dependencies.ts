import type { PolledModel } from "../polled_model.ts";
import { dependenciesOf } from "./ensembles.ts";

/**
 * Reads models, and those that ensembles among them run, each once; by name.
 *
 * @param poll reads one model; undefined where there is nothing to serve.
 */
export async function pollWithDependencies(
  names: readonly string[],
  poll: (name: string) => Promise<PolledModel | undefined>,
): Promise<ReadonlyMap<string, PolledModel>> {
  const polled = new Map<string, PolledModel>();
  const known = new Set(names);
  for (let next = [...known]; next.length > 0;) {
    const models = await Promise.all(next.map(poll));
    next = [];
    for (const model of models) {
      if (!model) continue;
      polled.set(model.name, model);
      for (const name of dependenciesOf(model.config)) {
        if (known.has(name)) continue;
        known.add(name);
        next.push(name);
      }
    }
  }
  return polled;
}
