import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, without a slash at its end. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Where everything that tests install or keep lives; not part of the checkout. */
export const CACHE = `${ROOT}/.cache`;

/**
 * The folder of reference data that lies beside the checkout: recorded exchanges of the real Triton, real models.
 * `TRITON_TS_SHARED` names another one. Undefined where there is none.
 */
export const SHARED: string | undefined = (() => {
  const folder = Deno.env.get("TRITON_TS_SHARED") ?? `${ROOT}/../shared`;
  return existsSync(folder) ? folder : undefined;
})();

/** The path of something in {@link SHARED}, undefined where it is absent. */
export function shared(path: string): string | undefined {
  const full = `${SHARED}/${path}`;
  return SHARED !== undefined && existsSync(full) ? full : undefined;
}

/** Said by every test that wants {@link SHARED} and does not find it. */
export const SHARED_ABSENT = "the reference data is not here; put it in ../shared or name it in TRITON_TS_SHARED";
