/** The version of Deno that this server is made for and tested with. */
export const EXPECTED_DENO = "2.9.3";

/** What may go wrong on another version of Deno; undefined on the expected one. */
export function runtimeWarning(version: string): string | undefined {
  if (version === EXPECTED_DENO) return undefined;
  return `this is Deno ${version}, but the server is made for Deno ${EXPECTED_DENO}: gRPC may fail or fall back to a ` +
    `slower transport, and some versions die of cancelled calls. Use \`npx -y deno@${EXPECTED_DENO}\` or install that version`;
}
