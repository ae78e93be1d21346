import assert from "node:assert/strict";
import { resultOf, TestClient } from "../testing/client.ts";
import { nodeTransport } from "./node_http2.ts";
import { socketTransport } from "./socket_http2.ts";
import type { Field, GrpcCall, GrpcHandler, GrpcReply, GrpcTransport } from "./transport.ts";

const HEADERS: readonly Field[] = [["content-type", "application/grpc"]];
const OK: readonly Field[] = [["grpc-status", "0"]];

function reply(body: GrpcReply["body"], trailers: GrpcReply["trailers"] = OK): GrpcReply {
  return { status: 200, headers: HEADERS, body, trailers };
}

async function bodyOf(call: GrpcCall): Promise<Uint8Array> {
  const bytes: number[] = [];
  for (let chunk; (chunk = await call.read());) bytes.push(...chunk);
  return Uint8Array.from(bytes);
}

/** Runs `test` against a server with `handler` on a transport. */
function withServer(transport: GrpcTransport, handler: GrpcHandler, test: (client: TestClient) => Promise<void>) {
  return async () => {
    const server = await transport.start({ hostname: "127.0.0.1", port: 0, reusePort: false }, handler);
    try {
      await using client = new TestClient(server.port);
      await test(client);
    } finally {
      await server.stop(200);
    }
  };
}

for (const transport of [socketTransport, nodeTransport]) {
  const name = `${transport.name} transport`;

  Deno.test(
    `${name} echoes a body with headers and trailers`,
    withServer(
      transport,
      async (call) => reply(await bodyOf(call), [["grpc-status", "5"], ["grpc-message", call.headers.get("x-a")!]]),
      async (client) => {
        const result = await client.call("/a/b?c", new Uint8Array([1, 2, 3]), { "x-a": "text" });
        assert.deepEqual([...result.body], [1, 2, 3]);
        assert.equal(result.headers["content-type"], "application/grpc");
        assert.equal(result.code, 5);
        assert.equal(result.message, "text");
      },
    ),
  );

  Deno.test(
    `${name} gives the handler method, path and URL`,
    withServer(
      transport,
      async (call) => {
        await bodyOf(call);
        return reply(new TextEncoder().encode(`${call.method} ${call.path} ${new URL(call.url).search}`));
      },
      async (client) => {
        const { body } = await client.call("/a/b?c", new Uint8Array(1));
        assert.equal(new TextDecoder().decode(body), "POST /a/b ?c");
      },
    ),
  );

  Deno.test(
    `${name} leaves out trailers that cannot be sent`,
    withServer(
      transport,
      async (call) => {
        await bodyOf(call);
        return reply(undefined, [["grpc-status", "3"], ["bad name", "x"], ["x-value", "größe\n"], ["x-good", "y"]]);
      },
      async (client) => {
        const { code, trailers } = await client.call("/a", new Uint8Array(1));
        assert.equal(code, 3);
        assert.equal(trailers["x-good"], "y");
        assert.equal(trailers["bad name"], undefined);
        assert.equal(trailers["x-value"], undefined);
      },
    ),
  );

  Deno.test(
    `${name} streams both ways at once`,
    withServer(
      transport,
      (call) => {
        const pieces = async function* () {
          for (let chunk; (chunk = await call.read());) yield chunk;
        };
        return Promise.resolve(reply(pieces(), () => [["grpc-status", "0"], ["x-end", "seen"]]));
      },
      async (client) => {
        const stream = client.open("/a");
        const result = resultOf(stream);
        for (let i = 0; i < 3; i++) {
          stream.write(new Uint8Array([i]));
          await new Promise((resolve) => stream.once("data", resolve)); // the answer comes before the next question
        }
        stream.end();
        assert.deepEqual([...(await result).body], [0, 1, 2]);
        assert.equal((await result).trailers["x-end"], "seen");
      },
    ),
  );

  const cancelled = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  Deno.test(
    `${name} aborts the signal of a cancelled call`,
    withServer(
      transport,
      async (call) => {
        const { signal } = call;
        signal.addEventListener("abort", () => cancelled.resolve());
        await call.read();
        started.resolve();
        await cancelled.promise;
        return reply(undefined);
      },
      async (client) => {
        const stream = client.open("/a");
        stream.end(new Uint8Array(1));
        await started.promise;
        client.cancel(stream);
        await cancelled.promise;
      },
    ),
  );

  const returned = Promise.withResolvers<void>();
  Deno.test(
    `${name} returns the iterator of a cancelled stream`,
    withServer(
      transport,
      () => {
        const pieces: AsyncIterator<Uint8Array> = {
          next: () => new Promise((resolve) => setTimeout(() => resolve({ value: new Uint8Array(1), done: false }), 5)),
          return: () => {
            returned.resolve();
            return Promise.resolve({ value: undefined, done: true });
          },
        };
        return Promise.resolve(reply(pieces));
      },
      async (client) => {
        const stream = client.open("/a");
        stream.end();
        await new Promise((resolve) => stream.once("data", resolve));
        client.cancel(stream);
        await returned.promise;
      },
    ),
  );

  Deno.test(
    `${name} answers many calls of one connection`,
    withServer(
      transport,
      async (call) => reply(await bodyOf(call)),
      async (client) => {
        const results = await Promise.all(
          Array.from({ length: 300 }, (_, i) => client.call("/a", Uint8Array.of(i & 255, i >> 8))),
        );
        results.forEach(({ body, code }, i) => {
          assert.deepEqual([...body], [i & 255, i >> 8]);
          assert.equal(code, 0);
        });
      },
    ),
  );

  Deno.test(`${name} survives garbage and connections that break off`, async () => {
    const server = await transport.start(
      { hostname: "127.0.0.1", port: 0, reusePort: false },
      async (call) => reply(await bodyOf(call)),
    );
    const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const garbage = [
      new Uint8Array(0),
      preface.subarray(0, 10),
      new Uint8Array(100).fill(0xff),
      Uint8Array.of(...preface, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84, 0xff),
      Uint8Array.of(...preface, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1),
    ];
    for (const bytes of garbage) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      await connection.write(bytes).catch(() => {}); // the server may have closed it already
      connection.close();
    }
    try {
      await using client = new TestClient(server.port);
      assert.equal((await client.call("/a", new Uint8Array(1))).code, 0);
    } finally {
      await server.stop(200);
    }
  });

  Deno.test(`${name} lets a running call finish when it stops`, async () => {
    const release = Promise.withResolvers<void>(), started = Promise.withResolvers<void>();
    const server = await transport.start({ hostname: "127.0.0.1", port: 0, reusePort: false }, async (call) => {
      await bodyOf(call);
      started.resolve();
      await release.promise;
      return reply(new Uint8Array(1));
    });
    await using client = new TestClient(server.port);
    const result = client.call("/a", new Uint8Array(1));
    await started.promise;
    const stopped = server.stop(10_000);
    release.resolve();
    assert.equal((await result).code, 0);
    await stopped;
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: server.port }), Deno.errors.ConnectionRefused);
  });

  Deno.test(`${name} aborts what outlasts the grace period`, async () => {
    const started = Promise.withResolvers<void>(), aborted = Promise.withResolvers<void>();
    const server = await transport.start({ hostname: "127.0.0.1", port: 0, reusePort: false }, async ({ signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      await aborted.promise;
      return reply(undefined);
    });
    await using client = new TestClient(server.port);
    client.open("/a").end();
    await started.promise;
    await server.stop(10);
    await aborted.promise;
  });
}
