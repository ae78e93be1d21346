/** What `deno compile` has put into a binary: after its magic bytes come the metadata, the npm packages, and the files. */

/** One entry of the embedded file system, as the binary's JSON has it. */
type Entry =
  | { readonly Dir: { readonly n: string; readonly e: readonly Entry[] } }
  | { readonly File: { readonly n: string; readonly o: readonly [offset: number, length: number] } }
  | { readonly Symlink: { readonly name: string } };

export interface Embedded {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Bytes of the list of npm packages. */
  readonly npmBytes: number;
  /** Sizes of the files by their paths from the root. */
  readonly files: ReadonlyMap<string, number>;
}

const MAGIC = new TextEncoder().encode("d3n0l4nd");

/** @throws Error where `bytes` are not a compiled program. */
export function readEmbedded(bytes: Uint8Array): Embedded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = indexOf(bytes, MAGIC, 0); start >= 0; start = indexOf(bytes, MAGIC, start + 1)) {
    const metadata = jsonAt(bytes, view, start + MAGIC.length, "{");
    if (metadata === undefined) continue; // the magic bytes also stand in the program's code
    const npm = metadata.end;
    const npmBytes = Number(view.getBigUint64(npm, true));
    // then come tables of modules from elsewhere, of a few bytes where there are none
    for (let at = npm + 8 + npmBytes; at < npm + 8 + npmBytes + 4096; at++) {
      const entries = jsonAt(bytes, view, at, "[{");
      if (!entries) continue;
      const files = new Map<string, number>();
      collect(entries.value as readonly Entry[], "", files);
      return { metadata: metadata.value as Record<string, unknown>, npmBytes, files };
    }
  }
  throw new Error("no embedded file system found");
}

/** JSON that starts with `first`, behind its length in 64 bits. */
function jsonAt(bytes: Uint8Array, view: DataView, at: number, first: string) {
  if (at + 8 > bytes.length) return undefined;
  const end = at + 8 + Number(view.getBigUint64(at, true));
  if (end > bytes.length || !first.split("").every((char, i) => bytes[at + 8 + i] === char.charCodeAt(0))) {
    return undefined;
  }
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes.subarray(at + 8, end))) as unknown, end };
  } catch {
    return undefined;
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

function collect(entries: readonly Entry[], folder: string, files: Map<string, number>): void {
  for (const entry of entries) {
    if ("Dir" in entry) collect(entry.Dir.e, `${folder}${entry.Dir.n}/`, files);
    else if ("File" in entry) files.set(folder + entry.File.n, entry.File.o[1]);
    else files.set(folder + entry.Symlink.name, 0);
  }
}
