import assert from "node:assert/strict";
import { type ServedConnection, TcpServer } from "./tcp_server.ts";

const OPTIONS = { hostname: "127.0.0.1", port: 0, reusePort: false, sweepMs: 5 };

/** Echoes until it is told to finish. */
class Echo implements ServedConnection {
  quiet = true;
  finished = false;
  readonly lookedAfter = Promise.withResolvers<void>();

  constructor(private readonly conn: Deno.Conn) {}

  async serve(): Promise<void> {
    const bytes = new Uint8Array(16);
    try {
      for (let read = await this.conn.read(bytes); read; read = await this.conn.read(bytes)) {
        await this.conn.write(bytes.subarray(0, read));
      }
      this.close();
    } catch {
      // closed by the server
    }
  }

  finish(): void {
    this.finished = true;
  }

  close(): void {
    this.conn.close();
  }

  lookAfter(): void {
    this.lookedAfter.resolve();
  }
}

Deno.test("TcpServer serves and looks after connections, and shuts down when the last has ended", async () => {
  const echoes: Echo[] = [];
  const server = new TcpServer(OPTIONS, (conn) => echoes[echoes.push(new Echo(conn)) - 1]);
  const client = await Deno.connect({ port: server.port });
  await client.write(Uint8Array.of(7));
  const answer = new Uint8Array(1);
  await client.read(answer);
  assert.equal(answer[0], 7);
  await echoes[0].lookedAfter.promise;

  let over = false;
  const shutdown = server.shutdown().then(() => over = true);
  assert.equal(echoes[0].finished, true);
  assert.equal(over, false, "a connection is still open");
  client.close();
  await shutdown;
});

Deno.test("TcpServer.close() ends what outlasts the shutdown", async () => {
  const server = new TcpServer(OPTIONS, (conn) => new Echo(conn));
  using client = await Deno.connect({ port: server.port });
  await client.write(Uint8Array.of(1));
  await client.read(new Uint8Array(1));
  const shutdown = server.shutdown();
  server.close();
  await shutdown;
  assert.equal(await client.read(new Uint8Array(1)), null);
});

Deno.test("TcpServer closes connections of which nothing is known yet when it shuts down", async () => {
  const begun = Promise.withResolvers<void>();
  const server = new TcpServer(OPTIONS, async (conn) => {
    begun.resolve();
    await conn.read(new Uint8Array(1)).catch(() => null);
    return new Echo(conn);
  });
  using client = await Deno.connect({ port: server.port });
  await begun.promise;
  await server.shutdown();
  assert.equal(await client.read(new Uint8Array(1)), null);
});
