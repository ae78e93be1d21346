import { freePorts } from "./server.ts";

/** A Redis server in memory, on a free port of 127.0.0.1. `await using` stops it. */
export class TestRedis implements AsyncDisposable {
  #child: Deno.ChildProcess | undefined;

  private constructor(readonly port: number, private readonly password: string | undefined) {}

  /** @param password what clients have to know. */
  static async start(password?: string): Promise<TestRedis> {
    const redis = new TestRedis(freePorts(1)[0], password);
    await redis.begin();
    return redis;
  }

  /** Runs it, again after {@link stop}: then it has forgotten everything. */
  async begin(): Promise<void> {
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    if (this.password !== undefined) args.push("--requirepass", this.password);
    const child = new Deno.Command("redis-server", { args, cwd: "/", stdout: "null", stderr: "null" }).spawn();
    this.#child = child;
    let ended = false;
    child.status.then(() => ended = true);
    for (let attempt = 0;; attempt++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch (error) {
        if (ended || attempt === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  /** `SIGSTOP` makes it hang, `SIGCONT` go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  /** Options of the server that use it as cache. */
  get options(): string[] {
    return ["--cache-config=redis,host=127.0.0.1", `--cache-config=redis,port=${this.port}`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
