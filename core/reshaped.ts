/**
 * The shape of the same elements under another description: fixed dimensions are taken from `to`, and the free ones (-1)
 * of `to` are filled, in order, with the values that stand at the free ones of `from`.
 *
 * @param shape as it is, with `offset` leading dimensions (the batch) that stay; 0 rows count as one.
 * @param from the description that `shape` fits. @param to the description wanted.
 */
export function reshaped(
  shape: readonly number[],
  from: readonly number[],
  to: readonly number[],
  offset: number,
): number[] {
  const out: number[] = [];
  if (offset === 1) out.push(shape[0] || 1);
  let free = 0;
  for (const dim of to) {
    if (dim !== -1) {
      out.push(dim);
      continue;
    }
    while (from[free] !== -1) free++;
    out.push(shape[offset + free++]);
  }
  return out;
}
