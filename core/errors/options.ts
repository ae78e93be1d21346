/** Errors of the command line and of start-up. Triton's texts first; what to do about it comes from the option table. */
import { declare } from "./declare.ts";

const usage = <Args extends unknown[]>(template: (...args: Args) => string) => declare("INVALID_ARGUMENT", template);

// Finding the option.

export const unrecognizedOption = usage((argument: string, nearest: string | undefined) =>
  `unrecognized option '${argument}'${nearest === undefined ? "" : `; did you mean '--${nearest}'?`}`
);

export const unknownShortOption = usage((letter: string) =>
  `invalid option -- '${letter}'; options are written --name=value`
);

export const ambiguousOption = usage((argument: string, names: readonly string[]) =>
  `option '${argument}' is ambiguous; possibilities: ${names.map((name) => `'--${name}'`).join(" ")}`
);

export const valueMissing = usage((name: string) => `option '--${name}' requires an argument`);

export const valueNotAllowed = usage((name: string) => `option '--${name}' doesn't allow an argument`);

export const positionalArgument = usage((argument: string) =>
  `Unexpected argument: ${argument}. Options are written --name=value`
);

// Values.

export const notANumber = usage((text: string) => `Invalid option value. Got ${text}`);

export const outOfBound = usage((text: string, expected: string) =>
  `Provided option value is out of bound. Got ${text}, expected ${expected}`
);

export const notABoolean = usage((text: string) =>
  `invalid value for bool option: ${text}. Expected true, on, 1, false, off or 0`
);

export const notInEnumeration = usage((name: string, text: string, allowed: readonly string[]) =>
  `invalid argument for --${name}: '${text}'. Expected one of ${allowed.join(", ")}`
);

export const emptyValue = usage((what: string) => `Invalid option value. Got an empty text where ${what} is expected`);

export const backendConfigFormat = usage((text: string) =>
  `--backend-config option format is '<backend name>,<setting>=<value>'. Got ${text}`
);

export const backendConfigWithoutBackend = usage((text: string) =>
  `No backend specified. --backend-config option format is <backend name>,<setting>=<value> or <setting>=<value>. Got ${text}`
);

export const cacheConfigWithoutCache = usage((text: string) =>
  `No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got ${text}`
);

export const cacheConfigFormat = usage((text: string) =>
  `--cache-config option format is '<cache name>,<setting>=<value>'. Got ${text}`
);

export const metricsConfigFormat = usage((text: string) =>
  `--metrics-config option format is <setting>=<value>. Got ${text}`
);

export const traceConfigFormat = usage((text: string) =>
  `--trace-config option format is '<trace mode>,<setting>=<value>'. Got ${text}`
);

export const traceLevel = usage((text: string) =>
  `invalid value for trace level option: ${text.toLowerCase()}. Expected OFF, TIMESTAMPS or TENSORS`
);

export const traceMode = usage((text: string) =>
  `invalid value for trace mode option: ${text}. Available options are "triton" and "opentelemetry"`
);

export const rateLimitResourceFormat = usage((text: string) =>
  `--rate-limit-resource option format is '<resource_name>:<count>:<device>' or '<resource_name>:<count>'. Got ${text}`
);

export const hostPolicyFormat = usage((text: string) =>
  `--host-policy option format is '<policy name>,<setting>=<value>'. Got ${text}`
);

export const devicePairFormat = usage((name: string, text: string) =>
  `--${name} option format is '<device>:<value>'. Got ${text}`
);

export const restrictedFormat = usage((name: string, text: string) =>
  `--${name} option format is '<config name>:<setting>=<value>'. Got ${text}`
);

export const unknownRestricted = usage((what: string, category: string, allowed: readonly string[]) =>
  `unknown restricted ${what} '${category}' ; expected one of ${allowed.join(", ")}`
);

export const restrictedTwice = usage((what: string, category: string) =>
  `restricted ${what} '${category}' can not be specified in multiple config groups`
);

// Options that do not fit together.

export const samePort = usage((one: string, other: string, address: string) =>
  `The server cannot listen to ${one} requests and ${other} requests at the same address and port ${address}`
);

export const loadModelWithoutExplicit = usage(() =>
  "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well."
);

export const twoCacheOptions = usage(() =>
  "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please provide one or the other."
);

// Start-up: shown as `error: creating server: <code> - <text>`.

export const repositoryMissing = declare("INVALID_ARGUMENT", () => "--model-repository must be specified");

export const wildcardNotAlone = declare(
  "INVALID_ARGUMENT",
  () => "Wildcard model name '*' must be the ONLY startup model if specified at all.",
);

export const unknownCache = declare(
  "INVALID_ARGUMENT",
  (name: string, known: readonly string[]) =>
    `unable to find 'libtritoncache_${name}.so' for cache. Searched: the caches built in, which are: ${
      known.join(", ")
    }`,
);

export const cacheSize = declare(
  "INTERNAL",
  (text: string) => `Failed to initialize LocalCache: stoull: size is '${text}', expected a number of bytes`,
);

export const twoCaches = declare(
  "INVALID_ARGUMENT",
  () => "found multiple cache configurations, but only a single cache is currently supported",
);

export const gpuLimit = declare(
  "INVALID_ARGUMENT",
  (fraction: number) => `expects limit fraction to be in range [0.0, 1.0], got ${fraction.toFixed(6)}`,
);

export const comesLater = declare("UNSUPPORTED", (option: string, why: string) => `${option} is not supported: ${why}`);

export const reuseNeedsFlag = declare(
  "UNSUPPORTED",
  (option: string) => `--${option} needs Deno's --unstable-net: start with 'deno run -A --unstable-net main.ts …'`,
);

export const someModelsFailed = declare("INTERNAL", () => "failed to load all models");

export const portInUse = declare(
  "UNAVAILABLE",
  (address: string, option: string) =>
    `Socket '${address}' already in use ; stop what listens there, or choose another port with --${option}`,
);

export const cannotListen = declare(
  "UNAVAILABLE",
  (address: string, reason: string, addressOption: string, portOption: string) =>
    `Socket '${address}' cannot be opened: ${reason}; see --${addressOption}, which names an address of this machine, ` +
    `and --${portOption}`,
);
