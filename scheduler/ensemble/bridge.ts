/**
 * The shape in which a tensor goes from its maker to its reader, where one of them has a batch dimension and the other
 * has not: a leading 1 is put before a shape that fits the reader's row, or taken away from one that does not fit the
 * reader as it is. Everything else stays, and is the reader's to judge.
 *
 * @param dims of one row of the reader. @param batching the reader has a batch dimension.
 * @param rows of the tensor's maker; 0 where it has no batch dimension.
 */
export function bridgedShape(
  shape: readonly number[],
  rows: number,
  dims: readonly number[],
  batching: boolean,
): readonly number[] {
  if (batching === (rows > 0)) return shape;
  if (batching) return compatible(dims, shape) ? [1, ...shape] : shape;
  return rows === 1 && shape[0] === 1 && !compatible(dims, shape) ? shape.slice(1) : shape;
}

/** True if two shapes have the same dimensions, where -1 is any. */
export function compatible(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i] && one[i] !== -1 && other[i] !== -1) return false;
  return true;
}
