import assert from "node:assert/strict";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { InferenceServer } from "../inference_server.ts";
import { FakeRepository, identityModel, responseOf, simpleModel } from "../testing/fake_repository.ts";
import { DEFAULT_MAX_INPUT_SIZE } from "./options.ts";
import { type HttpService, serveHttp } from "./serve.ts";
import { simpleRequest } from "./testing.ts";

const BODY = '{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[1]}]}';

/** A model that answers when it is told to. */
class HeldModel {
  readonly arrived: Promise<InferenceRequest>;
  release!: () => void;
  readonly model = identityModel("held", "FP32", {
    run: (request: InferenceRequest, sink: ResponseSink, model) => {
      this.release = () => {
        sink.respond(responseOf(model, request, []));
        sink.finish();
      };
      this.#arrive(request);
    },
  });
  #arrive!: (request: InferenceRequest) => void;

  constructor() {
    this.arrived = new Promise((resolve) => this.#arrive = resolve);
  }
}

async function withService(held: HeldModel, test: (service: HttpService, base: string) => Promise<void>) {
  const server = new InferenceServer(new FakeRepository([simpleModel(), held.model]), "triton", true);
  const service = serveHttp(server, { hostname: "127.0.0.1", port: 0, maxInputSize: DEFAULT_MAX_INPUT_SIZE });
  try {
    await test(service, `http://127.0.0.1:${service.port}/v2`);
  } finally {
    await service.stop(100);
  }
}

/** Bytes over a socket, until the server has nothing more to say or closes. */
async function exchange(port: number, text: string, answers: number): Promise<string> {
  using socket = await Deno.connect({ hostname: "127.0.0.1", port });
  await socket.write(new TextEncoder().encode(text));
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let got = "";
  while (got.split("HTTP/1.1 ").length <= answers || !got.includes("\r\n\r\n")) {
    const count = await socket.read(buffer);
    if (count === null) break;
    got += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return got;
}

Deno.test("serveHttp() answers over the network", async () => {
  await withService(new HeldModel(), async (_, base) => {
    const answer = await fetch(`${base}/models/simple/infer`, { method: "POST", body: simpleRequest() });
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/json"]);
    assert.equal((await answer.json()).outputs[1].data[0], -1);
  });
});

Deno.test("serveHttp() matches raw paths and answers all of what is pipelined", async () => {
  await withService(new HeldModel(), async ({ port }) => {
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const got = await exchange(port, get("/v2/health/live") + get("/v2/models/sim%70le") + get("//v2"), 3);
    assert.deepEqual(got.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 404"]);
    assert.ok(got.includes("'sim%70le' is not found"), got);
  });
});

Deno.test("serveHttp() aborts a request whose client has gone", async () => {
  const held = new HeldModel();
  await withService(held, async (_, base) => {
    const client = new AbortController();
    const call = fetch(`${base}/models/held/infer`, { method: "POST", body: BODY, signal: client.signal });
    const { signal } = await held.arrived;
    assert.ok(signal && !signal.aborted);
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
    client.abort();
    await assert.rejects(call);
    await aborted;
    held.release();
  });
});

Deno.test("serveHttp() aborts nothing once a request has been answered", async () => {
  const held = new HeldModel();
  let signal: AbortSignal | undefined;
  await withService(held, async (_, base) => {
    const call = fetch(`${base}/models/held/infer`, { method: "POST", body: BODY });
    ({ signal } = await held.arrived);
    // Long enough for the request's own signal to be watched.
    await new Promise((resolve) => setTimeout(resolve, 120));
    held.release();
    assert.equal((await (await call).json()).model_name, "held");
  });
  assert.equal(signal?.aborted, false);
});

Deno.test("stop() lets a request finish", async () => {
  const held = new HeldModel();
  await withService(held, async (service, base) => {
    const call = fetch(`${base}/models/held/infer`, { method: "POST", body: BODY });
    await held.arrived;
    const stopped = service.stop(10_000);
    held.release();
    const answer = await call;
    assert.equal(answer.status, 200);
    await answer.text();
    await stopped;
  });
});

Deno.test("stop() waits no longer than it may", async () => {
  const held = new HeldModel();
  await withService(held, async (service, base) => {
    const call = fetch(`${base}/models/held/infer`, { method: "POST", body: BODY });
    await held.arrived;
    await service.stop(1);
    held.release();
    assert.equal((await (await call).json()).model_name, "held");
  });
});

const canShare = "listenDatagram" in Deno;

Deno.test({
  name: `serveHttp() shares a port${canShare ? "" : " (needs Deno's --unstable-net)"}`,
  ignore: !canShare,
  async fn() {
    const server = new InferenceServer(new FakeRepository([simpleModel()]), "triton", true);
    const serve = (port: number) =>
      serveHttp(server, { hostname: "127.0.0.1", port, reusePort: true, maxInputSize: DEFAULT_MAX_INPUT_SIZE });
    const first = serve(0);
    const second = serve(first.port);
    const live = async () => {
      const answer = await fetch(`http://127.0.0.1:${first.port}/v2/health/live`, { headers: { connection: "close" } });
      await answer.body?.cancel();
      assert.equal(answer.status, 200);
    };
    for (let i = 0; i < 10; i++) await live();
    await first.stop(1000);
    for (let i = 0; i < 10; i++) await live();
    await second.stop(1000);
  },
});
