/** One test in a JUnit report, as `deno test` and pytest write them. */
export interface JunitCase {
  readonly name: string;
  /** The file or module that it stands in. */
  readonly group: string;
  /** What the report says about a failure; undefined where there was none. */
  readonly failure?: string;
  /** The reason of a skipped test, "" where none is given. */
  readonly skipped?: string;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescape(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (entity, name: string) => {
    if (name.startsWith("#x")) return String.fromCodePoint(parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? entity;
  });
}

function attribute(tag: string, name: string): string {
  return unescape(tag.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1] ?? "");
}

/** The tests of a JUnit report, in its order. */
export function junitCases(xml: string): JunitCase[] {
  const cases: JunitCase[] = [];
  for (const [, tag, body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const failure = body.match(/<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/(?:failure|error)>)/);
    const skipped = body.match(/<skipped\b([^>]*?)\/?>/);
    cases.push({
      name: attribute(tag, "name").trim(),
      group: attribute(tag, "classname"),
      ...(failure && { failure: `${attribute(failure[1], "message")}\n${unescape(failure[2] ?? "")}` }),
      ...(skipped && { skipped: attribute(skipped[1], "message") }),
    });
  }
  return cases;
}
