import { equal, match } from "node:assert/strict";
import { serveMetrics } from "./metrics_endpoint.ts";
import { FakeRepository, identityModel } from "./testing/fake_repository.ts";

Deno.test("serveMetrics() answers paths and methods as Triton's metrics port does", async () => {
  const repository = new FakeRepository([identityModel("id", "FP32")]);
  await using server = serveMetrics(repository, { hostname: "127.0.0.1", port: 0, counterLatencies: true });
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}${path}`, { method });
    return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
  };
  for (const path of ["/metrics", "/metrics/", "/metrics?x=1"]) {
    const { status, type, body } = await ask(path);
    equal(status, 200);
    equal(type, "text/plain; charset=utf-8");
    match(body, /nv_inference_request_success\{model="id",version="1"\} 0/);
  }
  equal((await ask("/metrics", "HEAD")).status, 200);
  const refused = await ask("/metrics", "POST");
  equal(refused.status, 405);
  equal(refused.body, '{"error":"Method Not Allowed"}');
  const elsewhere = await ask("/v2/health/live");
  equal(elsewhere.status, 200);
  equal(elsewhere.body, "");
});
