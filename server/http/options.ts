/** What the HTTP front end is told of the command line. */
export interface HttpOptions {
  /** `--http-max-input-size`: bytes of JSON, of a raw request and of a decompressed body. */
  readonly maxInputSize: number;
  /** `--http-header-forward-pattern`: headers whose name it matches become request parameters. */
  readonly headerForwardPattern?: RegExp;
}

/** Triton's default of `--http-max-input-size`: 64 MiB. */
export const DEFAULT_MAX_INPUT_SIZE = 64 * 1024 * 1024;
