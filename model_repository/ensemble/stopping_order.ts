import type { ServedModel } from "../served_model.ts";
import { dependenciesOf } from "./ensembles.ts";

/**
 * Models in groups, each after the ensembles that run its models: stopped in this order, what an ensemble has begun goes to
 * its end.
 */
export function* stoppingOrder(models: readonly ServedModel[]): Iterable<readonly ServedModel[]> {
  for (let left = models; left.length > 0;) {
    const needed = new Set(left.flatMap(({ config }) => dependenciesOf(config)));
    const free = left.filter(({ name }) => !needed.has(name));
    const group = free.length > 0 ? free : left;
    yield group;
    left = left.filter((model) => !group.includes(model));
  }
}
