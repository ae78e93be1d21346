/** The static table of HPACK (RFC 7541, appendix A): `name` or `name: value`, from index 1 on. */
const ENTRIES = `:authority|:method: GET|:method: POST|:path: /|:path: /index.html|:scheme: http|:scheme: https|
:status: 200|:status: 204|:status: 206|:status: 304|:status: 400|:status: 404|:status: 500|accept-charset|
accept-encoding: gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|
authorization|cache-control|content-disposition|content-encoding|content-language|content-length|content-location|
content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|
if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|
referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|
www-authenticate`;

/** A header field: a lower-case name and a value. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** Whether a request may have it, once somebody has looked: fields in a table come again and again. */
  good: boolean | undefined;
}

/** Entry `i` is at index `i`; there is none at 0. */
export const STATIC_TABLE: readonly HeaderField[] = [
  { name: "", value: "", good: undefined },
  ...ENTRIES.replaceAll("\n", "").split("|").map((entry) => {
    const [name, value = ""] = entry.split(/(?<=.): /);
    return { name, value, good: undefined };
  }),
];

/** The lowest index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_TABLE.map(({ name }, index) => [name, index] as const).slice(1).reverse(),
);
