import { equal, match, ok, rejects, throws } from "node:assert/strict";
import { addressOf, type Listening, probe, ServiceError, startService } from "./endpoints.ts";
import { runtimeWarning } from "./runtime_check.ts";

const http = (port: number): Listening => ({
  service: "HTTP",
  hostname: "127.0.0.1",
  port,
  option: "http-port",
  addressOption: "http-address",
  reusePort: false,
});

Deno.test("probe() says which port is in use, and the option that changes it, when it is", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  throws(() => probe(http(port)), (error: Error) => {
    ok(error instanceof ServiceError);
    const start = `failed to start HTTP service: Unavailable - Socket '127.0.0.1:${port}' already in use`;
    ok(error.message.startsWith(start) && error.message.endsWith("--http-port"), error.message);
    return true;
  });
});

Deno.test("probe() leaves the port free when it is", () => {
  const { port } = (() => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return listener.addr;
  })();
  probe(http(port));
  probe(http(port));
});

Deno.test("startService() explains when the address does not exist here", async () => {
  const listening = { ...http(8000), hostname: "192.0.2.1" };
  await rejects(
    startService(listening, () => void Deno.listen({ hostname: listening.hostname, port: 8000 })),
    /failed to start HTTP service: Unavailable - Socket '192.0.2.1:8000' cannot be opened: .*; see --http-address/,
  );
});

Deno.test("probe() names the option of the address when that is none", () => {
  throws(
    () => probe({ ...http(8000), hostname: "300.1.1.1" }),
    /'300.1.1.1:8000' cannot be opened: .*; see --http-address/,
  );
});

Deno.test("addressOf() puts brackets around IPv6 addresses when given one", () => {
  equal(addressOf("::1", 80), "[::1]:80");
  equal(addressOf("[::1]", 80), "[::1]:80");
  equal(addressOf("localhost", 80), "localhost:80");
});

Deno.test("runtimeWarning() is silent on the expected version only", () => {
  equal(runtimeWarning("2.9.3"), undefined);
  match(runtimeWarning("2.9.4")!, /this is Deno 2.9.4, but the server is made for Deno 2.9.3/);
});
