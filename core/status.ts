/**
 * The closed set of outcomes an operation can fail with; Triton's, so that each maps to one HTTP and one gRPC status.
 */
export type StatusCode =
  | "UNKNOWN"
  | "INTERNAL"
  | "NOT_FOUND"
  | "INVALID_ARGUMENT"
  | "UNAVAILABLE"
  | "UNSUPPORTED"
  | "ALREADY_EXISTS"
  | "CANCELLED";

const HTTP: Readonly<Record<StatusCode, number>> = {
  UNKNOWN: 400,
  INTERNAL: 500,
  NOT_FOUND: 404,
  INVALID_ARGUMENT: 400,
  UNAVAILABLE: 503,
  UNSUPPORTED: 501,
  ALREADY_EXISTS: 400,
  CANCELLED: 400,
};

const GRPC: Readonly<Record<StatusCode, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  UNSUPPORTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
};

/** How Triton spells a code inside a text, as in `version 1 is at UNAVAILABLE state: Invalid argument: …`. */
const SPELLED: Readonly<Record<StatusCode, string>> = {
  UNKNOWN: "Unknown",
  INTERNAL: "Internal",
  NOT_FOUND: "Not found",
  INVALID_ARGUMENT: "Invalid argument",
  UNAVAILABLE: "Unavailable",
  UNSUPPORTED: "Unsupported",
  ALREADY_EXISTS: "Already exists",
  CANCELLED: "Cancelled",
};

/** Anything that went wrong, with a code and a sentence meant for the client. Declared in `core/errors/`. */
export class Status extends Error {
  override readonly name = "Status";

  /**
   * @param http overrides the HTTP status of the code, for the few answers that only HTTP knows (403, 405).
   * @param grpc overrides the gRPC status of the code, for those that only gRPC knows (4, 8).
   */
  constructor(
    readonly code: StatusCode,
    message: string,
    private readonly http?: number,
    cause?: unknown,
    private readonly grpc?: number,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }

  get httpStatus(): number {
    return this.http ?? HTTP[this.code];
  }

  get grpcStatus(): number {
    return this.grpc ?? GRPC[this.code];
  }

  /** `Invalid argument: <message>`, the form that reasons of failed loads take. */
  get spelled(): string {
    return `${SPELLED[this.code]}: ${this.message}`;
  }

  /** The same failure with another text around it, as an ensemble adds `in ensemble 'E', `. */
  withMessage(message: string): Status {
    return new Status(this.code, message, this.http, this.cause, this.grpc);
  }

  /**
   * Turns anything thrown into a Status: itself, an abort (CANCELLED), or INTERNAL with the error's message, never its
   * stack.
   */
  static from(thrown: unknown, code: StatusCode = "INTERNAL"): Status {
    if (thrown instanceof Status) return thrown;
    if (thrown instanceof DOMException && thrown.name === "AbortError") {
      return new Status("CANCELLED", "the request was cancelled", undefined, thrown);
    }
    return new Status(code, thrown instanceof Error ? thrown.message : String(thrown), undefined, thrown);
  }
}
