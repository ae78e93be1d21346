/** Ways to send a response body. */
export type ContentCoding = "identity" | "gzip" | "deflate";

/** Header values seen and what they mean; clients send very few different ones. */
const known = new Map<string, ContentCoding>();
const MAX_KNOWN = 64;
const MAX_KNOWN_LENGTH = 256;

/**
 * What an `Accept-Encoding` header asks for: of `identity`, `gzip` and `deflate` the one with the highest q-value, the
 * first on ties; `identity` without any. As in Triton names are case-sensitive, `*` and a token with a blank before its
 * `;` do not count, and a q-value may exceed 1.
 */
export function acceptedCoding(header: string | null): ContentCoding {
  if (header === null) return "identity";
  const before = known.get(header);
  if (before !== undefined) return before;
  let best: ContentCoding = "identity";
  let highest = 0;
  for (const token of header.split(",")) {
    const [name, ...parameters] = token.trimStart().split(";");
    const coding = parameters.length === 0 ? name.trimEnd() : name;
    if (coding !== "identity" && coding !== "gzip" && coding !== "deflate") continue;
    const weight = parameters.map((parameter) => /^\s*q=(.*)$/.exec(parameter)?.[1]).find((q) => q !== undefined);
    const q = weight === undefined ? 1 : Number.parseFloat(weight);
    if (q > highest) {
      best = coding;
      highest = q;
    }
  }
  if (known.size < MAX_KNOWN && header.length <= MAX_KNOWN_LENGTH) known.set(header, best);
  return best;
}
