import type { Status } from "../../core/status.ts";
import { useColour } from "../../observability/log.ts";
import { escapeControls } from "../../observability/text_table.ts";
import { optionHelp, PROGRAM } from "../options/help.ts";
import { optionName } from "../options/option.ts";
import type { UsageError } from "../options/parse.ts";

/** Width of the help: the terminal's, within reason; 100 columns where there is none. */
export function helpWidth(): number {
  try {
    return Math.min(110, Math.max(50, Deno.consoleSize().columns));
  } catch {
    return 100;
  }
}

/** `Internal - <message>`, the form of errors at start. */
export function dashed(status: Status): string {
  return status.spelled.replace(": ", " - ");
}

/** The text for a command line that says something wrong: what, how the option is used, and where to read more. */
export function usageErrorText({ option, status }: UsageError, width: number): string {
  const more = `Run '${PROGRAM} --help' for all options.`;
  if (option === undefined) return `${PROGRAM}: ${status.message}\n${more}`;
  return `${PROGRAM}: Bad option: "--${optionName(option)}".\n${status.message}\n\n${
    optionHelp(option, width)
  }\n\n${more}`;
}

/** Writes the last words of a server that does not start: to standard error, outside of the log and its settings. */
export function printFatal(text: string): void {
  const safe = escapeControls(text);
  console.error(useColour(Deno.stderr) ? `\x1b[31m${safe}\x1b[0m` : safe);
}
