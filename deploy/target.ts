/** A platform that a binary can be made for. */
export interface Target {
  /** As `deno compile --target` names it. */
  readonly triple: string;
  /** As Node names the operating system and the processor. */
  readonly platform: string;
  readonly arch: string;
}

/** What `deno compile` can make binaries for. */
export const TARGETS: readonly Target[] = [
  { triple: "x86_64-unknown-linux-gnu", platform: "linux", arch: "x64" },
  { triple: "aarch64-unknown-linux-gnu", platform: "linux", arch: "arm64" },
  { triple: "aarch64-apple-darwin", platform: "darwin", arch: "arm64" },
  { triple: "x86_64-apple-darwin", platform: "darwin", arch: "x64" },
  { triple: "x86_64-pc-windows-msvc", platform: "win32", arch: "x64" },
  { triple: "aarch64-pc-windows-msvc", platform: "win32", arch: "arm64" },
];

/** @throws Error naming the targets that there are. */
export function targetOf(triple: string): Target {
  const target = TARGETS.find((each) => each.triple === triple);
  if (target) return target;
  throw new Error(`unknown target '${triple}'; there are ${TARGETS.map((each) => each.triple).join(", ")}`);
}

/** The extension of the target's programs, with its dot. */
export function programExtension(target: Target): string {
  return target.platform === "win32" ? ".exe" : "";
}
