import type { ServedModel } from "../served_model.ts";
import { dependenciesOf } from "./ensembles.ts";

/** Names of the models that a request of a sequence may need: those of sequences, ensembles with one, and all these run. */
export function partOfSequences(models: readonly ServedModel[]): ReadonlySet<string> {
  const byName = Map.groupBy(models, ({ name }) => name);
  const parts = new Set<string>();
  for (const name of byName.keys()) {
    const all = new Set([name]);
    // A set that grows while it is walked is walked to its end.
    for (const each of all) {
      for (const { config } of byName.get(each) ?? []) for (const next of dependenciesOf(config)) all.add(next);
    }
    const sequences = [...all].some((each) => byName.get(each)?.some(({ scheduler }) => scheduler.finishSequences));
    if (sequences) { for (const each of all) parts.add(each); }
  }
  return parts;
}
