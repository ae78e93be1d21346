/**
 * The regular expression of a header forward option, as RE2 reads it: names are matched in part and whatever their case,
 * unless the pattern begins with flags of its own, such as `(?-i)`.
 *
 * @returns undefined for an empty pattern, and for one that is no regular expression: then nothing is forwarded.
 */
export function forwardPattern(pattern: string): RegExp | undefined {
  if (pattern === "") return undefined;
  const flags = /^\(\?([imsU]*)(?:-([imsU]+))?\)/.exec(pattern);
  const body = (flags ? pattern.slice(flags[0].length) : pattern).replaceAll("(?P<", "(?<");
  const off = flags?.[2] ?? "";
  const on = new Set([..."i", ...flags?.[1] ?? ""].filter((flag) => "ims".includes(flag) && !off.includes(flag)));
  try {
    return new RegExp(body, [...on].join(""));
  } catch {
    return undefined;
  }
}
