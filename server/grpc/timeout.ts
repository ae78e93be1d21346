import { badTimeout } from "../../core/errors/grpc.ts";

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Timers cannot wait longer; such a deadline is none. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** Milliseconds of a `grpc-timeout` header; NaN for anything but up to 8 digits and a unit. */
export function timeoutMs(value: string): number {
  if (!/^\d{1,8}[HMSmun]$/.test(value)) return NaN;
  return Number(value.slice(0, -1)) * UNIT_MS[value[value.length - 1]];
}

/** The same. @throws Status INVALID_ARGUMENT in place of NaN. */
export function parseTimeout(value: string): number {
  const ms = timeoutMs(value);
  if (Number.isNaN(ms)) throw badTimeout(value);
  return ms;
}
