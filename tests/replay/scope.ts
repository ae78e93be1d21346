/** What of the recorded exchanges concerns this server, and what does not yet, with the reason. */

/** Files of records that are replayed. */
export const FILES: readonly string[] = [
  "cli",
  "crashes",
  "grpc",
  "http_infer",
  "http_routing",
  "http_types",
  "http_wire",
  "lifecycle",
];

/** Records, as `file/name`, that are left out, and why. */
export const EXCLUDED: readonly { readonly records: RegExp; readonly reason: string }[] = [];
