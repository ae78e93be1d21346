import type { SequenceRow } from "../backend.ts";

const START = 1;
const END = 2;
const EMPTY = 4;
const SLOT = 8;

/**
 * A row of an execution as a negative number: it follows the outputs, whose numbers are not negative, in the list of a
 * ring's slot.
 */
export function encodeRow(row: SequenceRow | undefined): number {
  if (!row) return -1 - EMPTY;
  return -1 - (row.slot * SLOT + (row.start ? START : 0) + (row.end ? END : 0));
}

/** Takes the rows off the end of `list`; undefined if there are none. */
export function decodeRows(list: number[]): (SequenceRow | undefined)[] | undefined {
  const first = list.findIndex((number) => number < 0);
  if (first === -1) return undefined;
  return list.splice(first).map((number) => {
    const bits = -1 - number;
    if (bits & EMPTY) return undefined;
    return { slot: Math.floor(bits / SLOT), start: (bits & START) !== 0, end: (bits & END) !== 0 };
  });
}
