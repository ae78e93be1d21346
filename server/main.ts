import { Status } from "../core/status.ts";
import { log } from "../observability/log.ts";
import { SERVER_VERSION } from "./inference_server.ts";
import { checkStartup, checkTogether } from "./options/checks.ts";
import { helpText, PROGRAM } from "./options/help.ts";
import { parseCommandLine } from "./options/parse.ts";
import type { OptionKey, ServerOptions } from "./options/table.ts";
import { checkBackendSettings } from "./startup/backend_settings.ts";
import { ServiceError } from "./startup/endpoints.ts";
import { dashed, helpWidth, printFatal, usageErrorText } from "./startup/fatal.ts";
import { guardAgainstCrashes, StopSignals } from "./startup/lifecycle.ts";
import { LoadError, ServerProcess } from "./startup/server_process.ts";

/**
 * The whole program: reads the command line, serves until a signal says to stop, and gives the exit code.
 *
 * @returns 0 after `--help`, `--version` and a clean stop; 1 where the server could not start or not stop in time.
 */
export async function run(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  switch (line.kind) {
    case "help":
      console.log(helpText(SERVER_VERSION, helpWidth()));
      return 0;
    case "version":
      console.log(`${PROGRAM} ${SERVER_VERSION}`);
      return 0;
    case "error":
      printFatal(usageErrorText(line.error, helpWidth()));
      return 1;
  }
  const contradiction = checkTogether(line.options);
  if (contradiction) {
    printFatal(usageErrorText({ status: contradiction }, helpWidth()));
    return 1;
  }
  const impossible = checkStartup(line.options);
  if (impossible) {
    printFatal(`error: creating server: ${dashed(impossible)}`);
    return 1;
  }
  configureLog(line.options);
  for (const warning of line.warnings) log.warning(warning);
  const unusable = checkBackendSettings(line.options.backendConfig, (text) => log.warning(text));
  if (unusable) {
    printFatal(usageErrorText({ option: "backendConfig", status: unusable }, helpWidth()));
    return 1;
  }
  return await serve(line.options, line.given);
}

async function serve(options: ServerOptions, given: ReadonlySet<OptionKey>): Promise<number> {
  const releaseGuard = guardAgainstCrashes(log);
  const signals = new StopSignals(log);
  const server = new ServerProcess(options, given, log);
  try {
    const started = await Promise.race([server.start().then(() => true), signals.received.then(() => false)]);
    if (!started) {
      log.info("Told to stop before the server was ready");
      return 0;
    }
    const signal = await signals.received;
    return await server.stop(signal) ? 0 : 1;
  } catch (error) {
    await server.abandon();
    printFatal(startErrorText(error));
    return 1;
  } finally {
    signals.close();
    releaseGuard();
  }
}

/** The last lines of a server that did not start: what failed, in Triton's words, then what to do. */
function startErrorText(error: unknown): string {
  if (error instanceof ServiceError) return `error: ${error.message}`;
  if (error instanceof LoadError) {
    return [
      ...error.failures.map((failure) => `  ${failure}`),
      "Repair what is listed, or start with --exit-on-error=false to serve the models that did load.",
      `error: creating server: ${dashed(error.status)}: ${error.summary}`,
    ].join("\n");
  }
  return `error: creating server: ${dashed(Status.from(error))}`;
}

function configureLog(options: ServerOptions): void {
  log.configure({
    format: options.logFormat,
    verbose: options.logVerbose,
    info: options.logInfo,
    warning: options.logWarning,
    error: options.logError,
  });
  try {
    log.configure({ file: options.logFile });
  } catch (error) {
    log.warning(`--log-file=${options.logFile} cannot be written, the log goes on here: ${Status.from(error).message}`);
  }
}
