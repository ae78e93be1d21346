import { cannotListen, portInUse } from "../../core/errors/options.ts";
import type { Status } from "../../core/status.ts";

/** A port to be opened. */
export interface Listening {
  /** As Triton's texts name it. */
  readonly service: "GRPC" | "HTTP" | "Metrics";
  readonly hostname: string;
  readonly port: number;
  /** Name of the option that sets the port. */
  readonly option: string;
  /** Name of the option that sets the hostname. */
  readonly addressOption: string;
  readonly reusePort: boolean;
}

/** A service that could not be started, in Triton's words: `failed to start HTTP service: Unavailable - …`. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";

  constructor(service: string, status: Status) {
    super(`failed to start ${service} service: ${status.spelled.replace(": ", " - ")}`);
  }
}

/** `127.0.0.1:8000`, `[::1]:8000`. */
export function addressOf(hostname: string, port: number): string {
  return `${hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * Opens a port to see whether it can be, and closes it: models take long to load, and a port in use should be known
 * before.
 *
 * @throws ServiceError.
 */
export function probe(listening: Listening): void {
  if (listening.port === 0) return;
  try {
    Deno.listen({ hostname: listening.hostname, port: listening.port, reusePort: listening.reusePort }).close();
  } catch (error) {
    throw serviceError(listening, error);
  }
}

/** What `start` gives. @throws ServiceError for what it throws. */
export async function startService<T>(listening: Listening, start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw serviceError(listening, error);
  }
}

function serviceError({ service, hostname, port, option, addressOption }: Listening, error: unknown): ServiceError {
  const address = addressOf(hostname, port);
  if (error instanceof Deno.errors.AddrInUse) return new ServiceError(service, portInUse(address, option));
  const reason = error instanceof Error ? error.message : String(error);
  return new ServiceError(service, cannotListen(address, reason, addressOption, option));
}
