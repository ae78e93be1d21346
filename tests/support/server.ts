import { gpuEnvironment } from "../setup/vulkan.ts";
import { ROOT } from "./paths.ts";
import { lastLines } from "./process.ts";

export interface ServerOptions {
  /** Values of `--model-repository`. */
  repositories: readonly string[];
  /** Further options of the server. */
  args?: readonly string[];
  env?: Record<string, string>;
  /** The command that starts the server, before its options. Default: Deno with `main.ts` of the checkout. */
  program?: readonly string[];
  /** Where it runs. */
  cwd?: string;
  /** Gives it nothing of this process's environment. */
  clearEnv?: boolean;
  /** What to wait for; `live` where models are expected to fail. Default `ready`. */
  until?: "ready" | "live";
  /** Milliseconds to wait for that; default 3 minutes. */
  patience?: number;
}

const CHECKOUT = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}/main.ts`];

/** A port that nobody listened on a moment ago. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A running server in a process of its own, on free ports of 127.0.0.1. `await using` stops it. */
export class TestServer implements AsyncDisposable {
  #log = "";
  #status: Deno.CommandStatus | undefined;
  readonly #ended: Promise<Deno.CommandStatus>;

  private constructor(
    readonly child: Deno.ChildProcess,
    readonly httpPort: number,
    readonly grpcPort: number,
    readonly metricsPort: number,
  ) {
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      const decode = new TextDecoder();
      for await (const chunk of stream) this.#log += decode.decode(chunk, { stream: true });
    };
    const streams = [collect(child.stdout), collect(child.stderr)];
    this.#ended = child.status.then(async (status) => {
      await Promise.all(streams);
      return this.#status = status;
    });
  }

  /** Starts `main.ts` and waits until it serves. @throws Error with the last lines of its log where it does not. */
  static async start(options: ServerOptions): Promise<TestServer> {
    for (let attempt = 1;; attempt++) {
      const server = TestServer.#spawn(options);
      try {
        await server.#wait(options.until ?? "ready", options.patience ?? 180_000);
        return server;
      } catch (error) {
        await server.stop();
        // Another process may have taken a port between the look and the use.
        if (attempt === 3 || !/address.{0,20}in use|AddrInUse/i.test(server.log)) throw error;
      }
    }
  }

  static #spawn({ repositories, args = [], env = {}, program = CHECKOUT, cwd, clearEnv }: ServerOptions): TestServer {
    const [http, grpc, metrics] = freePorts(3);
    const child = new Deno.Command(program[0], {
      args: [
        ...program.slice(1),
        ...repositories.map((folder) => `--model-repository=${folder}`),
        "--http-address=127.0.0.1",
        `--http-port=${http}`,
        "--grpc-address=127.0.0.1",
        `--grpc-port=${grpc}`,
        `--metrics-port=${metrics}`,
        ...args,
      ],
      env: { NO_COLOR: "1", ...gpuEnvironment(), ...env },
      cwd,
      clearEnv,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new TestServer(child, http, grpc, metrics);
  }

  async #wait(until: "ready" | "live", patience: number): Promise<void> {
    const end = Date.now() + patience;
    while (Date.now() < end) {
      if (this.#status) throw new Error(`the server ended with code ${this.#status.code}:\n${lastLines(this.log, 20)}`);
      try {
        const answer = await fetch(`${this.http}/v2/health/${until}`);
        await answer.body?.cancel();
        if (answer.status === 200) return;
      } catch {
        // Not listening yet.
      }
      await sleep(50);
    }
    throw new Error(`the server is not ${until} after ${patience / 1000} s:\n${lastLines(this.log, 20)}`);
  }

  /** `http://127.0.0.1:<port>` */
  get http(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  /** `127.0.0.1:<port>` */
  get grpc(): string {
    return `127.0.0.1:${this.grpcPort}`;
  }

  /** What it has printed so far, both streams. */
  get log(): string {
    return this.#log;
  }

  get running(): boolean {
    return this.#status === undefined;
  }

  /** Exit code and signal, once it has ended. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#ended;
  }

  /** SIGTERM, and SIGKILL after 40 seconds. */
  async stop(): Promise<Deno.CommandStatus> {
    if (this.#status) return this.#status;
    try {
      this.child.kill("SIGTERM");
    } catch {
      // It ended just now.
    }
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 40_000);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
