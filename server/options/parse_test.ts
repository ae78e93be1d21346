import { equal, match, ok } from "node:assert/strict";
import { parseCommandLine } from "./parse.ts";

function options(...args: string[]) {
  const result = parseCommandLine(args);
  ok(result.kind === "serve", JSON.stringify(result));
  return result;
}

function message(...args: string[]): string {
  const result = parseCommandLine(args);
  ok(result.kind === "error", JSON.stringify(result));
  return result.error.status.message;
}

Deno.test("parseCommandLine() takes defaults when nothing is given", () => {
  const { options: { httpPort, grpcPort, metricsPort, exitOnError, id, modelControlMode }, given } = options();
  equal([httpPort, grpcPort, metricsPort, exitOnError, id, modelControlMode].join(), "8000,8001,8002,true,triton,none");
  equal(given.size, 0);
});

Deno.test("parseCommandLine() reads a value after an equals sign and after a blank when both are given", () => {
  const { options: { httpPort, id } } = options("--http-port", "9000", "--id=foo=bar");
  equal(httpPort, 9000);
  equal(id, "foo=bar");
});

Deno.test("parseCommandLine() takes the last value when an option is repeated, and all when it is a list", () => {
  const { options: { httpPort, modelRepository } } = options(
    "--http-port=1",
    "--http-port=2",
    "--model-repository=a",
    "--model-store=b",
  );
  equal(httpPort, 2);
  equal(modelRepository.join(), "a,b");
});

Deno.test("parseCommandLine() understands an abbreviation when it is unambiguous", () => {
  equal(options("--exit-t=5").options.exitTimeoutSecs, 5);
  equal(options("--model-rep", "x").options.modelRepository.join(), "x");
  match(message("--http-p=x"), /Invalid option value. Got x/);
  match(message("--grpc-keepalive=1"), /is ambiguous; possibilities: '--grpc-keepalive-time'/);
});

Deno.test("parseCommandLine() takes the next argument for a value when it looks like an option", () => {
  equal(options("--id", "--http-port").options.id, "--http-port");
  equal(options("--pinned-memory-pool-byte-size", "-1").options.pinnedMemoryPoolByteSize, -1);
});

Deno.test("parseCommandLine() names the nearest option when one is unknown", () => {
  equal(message("--htp-port=1"), "unrecognized option '--htp-port=1'; did you mean '--http-port'?");
  equal(message("--xyzzy-plugh-quux"), "unrecognized option '--xyzzy-plugh-quux'");
});

Deno.test("parseCommandLine() refuses a form that no option has when it meets one", () => {
  match(message("-h"), /^invalid option -- 'h'/);
  match(message("-?"), /^invalid option -- '\?'/);
  match(message("stray"), /^Unexpected argument: stray/);
  match(message("--", "--http-port=1"), /^Unexpected argument: --http-port=1/);
  equal(message("--http-port"), "option '--http-port' requires an argument");
  equal(
    message("--disable-auto-complete-config=true"),
    "option '--disable-auto-complete-config' doesn't allow an argument",
  );
});

Deno.test("parseCommandLine() names the option whose value is wrong when a value is wrong", () => {
  const result = parseCommandLine(["--http-port=abc"]);
  ok(result.kind === "error");
  equal(result.error.option, "httpPort");
});

for (
  const [argument, text] of [
    ["--http-port=70000", "Provided option value is out of bound. Got 70000, expected 0 to 65535"],
    ["--http-port=-1", "Provided option value is out of bound. Got -1, expected 0 to 65535"],
    ["--http-port=9260x", "Invalid option value. Got 9260x"],
    ["--http-port=", "Invalid option value. Got "],
    ["--allow-http=maybe", "invalid value for bool option: maybe. Expected true, on, 1, false, off or 0"],
    ["--log-format=foo", "invalid argument for --log-format: 'foo'. Expected one of default, ISO8601, json"],
    ["--model-repository=", "Invalid option value. Got an empty text where a folder is expected"],
    ["--backend-config=foo,bar", "--backend-config option format is '<backend name>,<setting>=<value>'. Got foo,bar"],
    ["--trace-rate=abc", "Invalid option value. Got abc"],
    ["--min-supported-compute-capability=x", "Invalid option value. Got x"],
  ]
) {
  Deno.test(`parseCommandLine() says what is wrong when given ${argument}`, () => equal(message(argument), text));
}

Deno.test("parseCommandLine() reads booleans in every spelling when given one", () => {
  for (const text of ["true", "ON", "1"]) equal(options(`--strict-readiness=${text}`).options.strictReadiness, true);
  for (const text of ["False", "off", "0"]) equal(options(`--strict-readiness=${text}`).options.strictReadiness, false);
});

Deno.test("parseCommandLine() reads the verbosity when it is a boolean or a number", () => {
  equal(options("--log-verbose=true").options.logVerbose, 1);
  equal(options("--log-verbose=3").options.logVerbose, 3);
});

Deno.test("parseCommandLine() sets what replaces a deprecated option, and warns, when given one", () => {
  const strict = options("--strict-model-config=true");
  equal(strict.options.disableAutoCompleteConfig, true);
  match(strict.warnings[0], /^Warning: '--strict-model-config' has been deprecated!/);
  equal(options("--strict-model-config=false").options.disableAutoCompleteConfig, false);
  const cache = options("--response-cache-byte-size=100");
  equal(cache.options.cacheConfig.get("local")?.get("size"), "100");
  match(cache.warnings[0], /'--cache-config=local,size=100'$/);
  equal(options("--trace-rate=7").options.traceConfig.get("")?.get("rate"), "7");
});

Deno.test("parseCommandLine() refuses the old and the new cache option when both are given", () => {
  match(message("--cache-config=local,size=1", "--response-cache-byte-size=1"), /^Error: Incompatible flags/);
});

Deno.test("parseCommandLine() stops at --help and --version when it meets them", () => {
  equal(parseCommandLine(["--http-port=1", "--help", "--nope"]).kind, "help");
  equal(parseCommandLine(["--version"]).kind, "version");
});
