/**
 * The floor of every comparison: `Deno.serve` returning the bytes it received, on an HTTP and on a gRPC port.
 * Usage: echo.ts HTTP_PORT GRPC_PORT
 */

const [http, grpc] = Deno.args.map(Number);
const json = { headers: { "content-type": "application/json" } };
const proto = { headers: { "content-type": "application/grpc" } };
const onListen = () => {};

Deno.serve({ hostname: "127.0.0.1", port: http, onListen }, async (request) => {
  return new Response(request.body ? await request.arrayBuffer() : null, json);
});

Deno.serve({ hostname: "127.0.0.1", port: grpc, onListen }, async (request) => {
  const body = new Uint8Array(await request.arrayBuffer());
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(body);
      controller.close();
    },
  });
  return new Response(stream, proto);
});
