import { latin1 } from "./latin1.ts";

/**
 * The Huffman code of HPACK (RFC 7541, appendix B). The code is canonical: the lengths of the codes of symbols 0 to 256
 * give the codes themselves. Each letter is one length, `A` for 5 bits.
 */
const LENGTHS =
  "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCB" +
  "BBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQ" +
  "RQQSRRUUTTVSVWVVWWWWWXWWWWWVZ";

const END_OF_STRING = 256;

/** The next node of the code's tree by node and bit; below 0 a symbol, as `-1 - symbol`. */
const TREE = buildTree();

function buildTree(): Int16Array {
  const symbols = [...LENGTHS].map((letter, symbol) => ({ symbol, length: letter.charCodeAt(0) - 60 }))
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const tree: number[] = [0, 0];
  let code = 0, bits = 0;
  for (const { symbol, length } of symbols) {
    code *= 2 ** (length - bits);
    bits = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const branch = node * 2 + (code >>> bit & 1);
      if (tree[branch] === 0) {
        tree[branch] = tree.length / 2;
        tree.push(0, 0);
      }
      node = tree[branch];
    }
    tree[node * 2 + (code & 1)] = -1 - symbol;
    code++;
  }
  return Int16Array.from(tree);
}

/**
 * The text behind `bytes`, each symbol one character of Latin-1.
 *
 * @returns undefined where the bytes are no such text: padding of more than seven bits or of zeros, or an end-of-string
 *   symbol.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  const characters: number[] = [];
  let node = 0, depth = 0, ones = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    for (let bit = 7; bit >= 0; bit--) {
      const one = byte >> bit & 1;
      const next = TREE[node * 2 + one];
      depth++;
      ones &&= one === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (next === -1 - END_OF_STRING) return undefined;
      characters.push(-1 - next);
      node = depth = 0;
      ones = true;
    }
  }
  if (depth > 7 || !ones) return undefined;
  return latin1(characters, 0, characters.length);
}
