/** A server process under measurement. */
export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly http: number;
  readonly grpc: number;
  stop(): Promise<void>;
}

/** Free TCP ports on the loopback interface. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/**
 * Starts a command and waits until `ready` answers 200 over HTTP.
 *
 * @throws Error with the end of the server's output when it exits or takes too long.
 */
export async function startServer(
  name: string,
  command: readonly string[],
  ports: { http: number; grpc: number },
  ready = "/v2/health/ready",
  env: Record<string, string> = {},
): Promise<Server> {
  const log = await Deno.makeTempFile({ prefix: "bench-", suffix: ".log" });
  const file = await Deno.open(log, { write: true, append: true });
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
  const output = Promise.all([
    child.stdout.pipeTo(new WritableStream({ write: (chunk) => file.write(chunk).then(() => {}) })),
    child.stderr.pipeTo(new WritableStream({ write: (chunk) => file.write(chunk).then(() => {}) })),
  ]);
  let exited = false;
  child.status.then(() => exited = true);
  const fail = async (reason: string) => {
    if (!exited) child.kill("SIGKILL");
    await output;
    file.close();
    const tail = (await Deno.readTextFile(log)).trim().split("\n").slice(-8).join("\n");
    await Deno.remove(log);
    throw new Error(`${name} ${reason}:\n${tail}`);
  };
  for (let tries = 0;; tries++) {
    if (exited) await fail("exited at start");
    if (tries === 600) await fail("was not ready within a minute");
    const response = await fetch(`http://127.0.0.1:${ports.http}${ready}`).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    name,
    pid: child.pid,
    ...ports,
    async stop() {
      if (!exited) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await child.status;
      clearTimeout(timer);
      await output;
      file.close();
      await Deno.remove(log);
    },
  };
}

/** Milliseconds of CPU that a process and its children have used; undefined where /proc does not tell. */
export function cpuMs(pid: number): number | undefined {
  try {
    let ticks = 0;
    for (const id of [pid, ...childrenOf(pid)]) {
      const fields = Deno.readTextFileSync(`/proc/${id}/stat`).split(") ")[1].split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks * 10; // USER_HZ is 100 on every Linux that Deno runs on
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const direct = [...Deno.readDirSync(`/proc/${pid}/task`)].flatMap(({ name }) =>
      Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`).trim().split(" ").filter(Boolean).map(Number)
    );
    return direct.flatMap((child) => [child, ...childrenOf(child)]);
  } catch {
    return [];
  }
}
