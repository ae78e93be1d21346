import type { GrpcTransport } from "./transport.ts";

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const DATA = 0, HEADERS = 1, SETTINGS = 4;
const END_STREAM = 1, END_HEADERS = 4;

/** A frame on `stream` with a payload below 256 bytes. */
function frame(type: number, flags: number, stream: number, ...payload: number[]): number[] {
  return [0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload];
}

/** `POST http://<x>/` in HPACK: three indexed fields and a literal authority. */
const POST = [0x83, 0x86, 0x84, 0x41, 1, 0x78];

/**
 * Proves that a transport delivers trailers in the runtime at hand: one call to itself over a bare socket, answered with
 * HEADERS, DATA and HEADERS that end the stream. Takes 10 to 30 ms; the trailers of `Deno.serve` depend on internals
 * that other versions do not have.
 */
export async function deliversTrailers(transport: GrpcTransport, timeoutMs = 2000): Promise<boolean> {
  const listening = await transport.start({ hostname: "127.0.0.1", port: 0, reusePort: false }, async (call) => {
    while (await call.read());
    return {
      status: 200,
      headers: [["content-type", "application/grpc"]],
      body: new Uint8Array(5),
      trailers: [["grpc-status", "0"]],
    };
  });
  let connection: Deno.Conn | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port: listening.port });
    timer = setTimeout(() => close(connection), timeoutMs);
    await connection.write(
      new Uint8Array([
        ...PREFACE,
        ...frame(SETTINGS, 0, 0),
        ...frame(HEADERS, END_HEADERS, 1, ...POST),
        ...frame(DATA, END_STREAM, 1, 0, 0, 0, 0, 0),
      ]),
    );
    return await sawTrailers(connection);
  } catch {
    return false; // closed by the timer, or refused: no support either way
  } finally {
    clearTimeout(timer);
    close(connection);
    await listening.stop(100);
  }
}

/** Reads frames until stream 1 ends; true when it ended with HEADERS after DATA. */
async function sawTrailers(connection: Deno.Conn): Promise<boolean> {
  let bytes = new Uint8Array(0), sawData = false;
  const chunk = new Uint8Array(4096);
  for (;;) {
    const read = await connection.read(chunk);
    if (!read) return false;
    const grown = new Uint8Array(bytes.length + read);
    grown.set(bytes);
    grown.set(chunk.subarray(0, read), bytes.length);
    bytes = grown;
    for (;;) {
      if (bytes.length < 9) break;
      const length = bytes[0] << 16 | bytes[1] << 8 | bytes[2], type = bytes[3], flags = bytes[4], stream = bytes[8];
      if (bytes.length < 9 + length) break;
      bytes = bytes.subarray(9 + length);
      if (stream !== 1) continue;
      if (flags & END_STREAM && type <= HEADERS) return sawData && type === HEADERS;
      sawData ||= type === DATA;
    }
  }
}

function close(connection: Deno.Conn | undefined): void {
  try {
    connection?.close();
  } catch { /* closed already */ }
}
