/** What became of a command. */
export interface Outcome {
  /** Exit code; 124 where it ran out of time. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, for a message: what was said on stderr, else on stdout, the last lines of it. */
  readonly tail: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** Milliseconds until it is killed; default 10 minutes. */
  timeout?: number;
  /** Gets the output as it comes, too. */
  echo?: boolean;
}

async function collect(stream: ReadableStream<Uint8Array>, echo?: (chunk: Uint8Array) => unknown): Promise<string> {
  const decode = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decode.decode(chunk, { stream: true });
    await echo?.(chunk);
  }
  return text + decode.decode();
}

/** The last `count` lines that are not empty. */
export function lastLines(text: string, count: number): string {
  return text.split("\n").filter((line) => line.trim()).slice(-count).join("\n");
}

/** Runs a command to its end. Never throws for a failing command; a program that does not exist has code 127. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command[0], {
      args: command.slice(1),
      cwd: options.cwd,
      env: options.env,
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: 127, stdout: "", stderr: message, tail: message };
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, options.timeout ?? 600_000);
  try {
    const feed = options.stdin === undefined ? undefined : (async () => {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(options.stdin));
      await writer.close();
    })().catch(() => undefined);
    const [stdout, stderr, status] = await Promise.all([
      collect(child.stdout, options.echo ? (chunk) => Deno.stdout.write(chunk) : undefined),
      collect(child.stderr, options.echo ? (chunk) => Deno.stderr.write(chunk) : undefined),
      child.status,
      feed,
    ]);
    const code = timedOut ? 124 : status.code;
    return { code, stdout, stderr, tail: lastLines(stderr.trim() ? stderr : stdout, 15) };
  } finally {
    clearTimeout(timer);
  }
}

/** {@link run}, throwing where the command fails. Gives its stdout. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(command, options);
  if (outcome.code !== 0) {
    throw new Error(`${command.slice(0, 4).join(" ")} … ended with code ${outcome.code}:\n${outcome.tail}`);
  }
  return outcome.stdout;
}
