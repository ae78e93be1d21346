import assert from "node:assert/strict";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { answerWithConnect } from "./connect_adapter.ts";
import type { GrpcCall } from "./transport/transport.ts";

/** The headers that Connect is given for those of a call. */
async function headersFor(headers: Record<string, string>): Promise<Headers> {
  let given: Headers | undefined;
  const handler = (request: UniversalServerRequest) => {
    given = request.header;
    return Promise.resolve({ status: 200 });
  };
  const call: GrpcCall = {
    method: "POST",
    path: "/",
    url: "http://localhost/",
    headers: new Headers(headers),
    signal: new AbortController().signal,
    read: () => Promise.resolve(undefined),
  };
  await answerWithConnect(handler as unknown as UniversalHandler, call);
  return given!;
}

Deno.test("answerWithConnect() leaves out deadlines that no timer can wait for", async () => {
  for (
    const [name, value, kept] of [
      ["grpc-timeout", "99999999H", false],
      ["grpc-timeout", "597H", false],
      ["grpc-timeout", "596H", true],
      ["grpc-timeout", "1m", true],
      ["grpc-timeout", "nonsense", true], // Connect says what is wrong with it
      ["connect-timeout-ms", "2147483648", false],
      ["connect-timeout-ms", "2147483647", true],
    ] as const
  ) assert.equal((await headersFor({ [name]: value })).get(name), kept ? value : null, value);
});

Deno.test("answerWithConnect() gives the other headers as they are", async () => {
  assert.deepEqual([...await headersFor({ "x-a": "b", "grpc-timeout": "1S" })], [["grpc-timeout", "1S"], ["x-a", "b"]]);
});
