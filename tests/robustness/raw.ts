/** Raw bytes for a port, beyond what any HTTP client would send. */

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** `count` bytes that look random and are the same in every run. */
export function noise(count: number, seed: number): Uint8Array {
  let state = seed >>> 0 || 1;
  return Uint8Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 255;
  });
}

export interface RawAnswer {
  /** HTTP status of the first answer; undefined where the connection closed without one. */
  readonly status?: number;
  readonly text: string;
}

/** Sends bytes on a connection of its own and reads what comes until it closes, or until `patience` ms are over. */
export async function exchange(port: number, parts: readonly Uint8Array[], patience = 3000): Promise<RawAnswer> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let text = "";
  const timer = setTimeout(() => connection.close(), patience);
  const reading = (async () => {
    const decode = new TextDecoder();
    for await (const chunk of connection.readable) text += decode.decode(chunk, { stream: true });
  })().catch(() => undefined);
  try {
    const writer = connection.writable.getWriter();
    for (const part of parts) await writer.write(part);
    await writer.close();
  } catch {
    // The server closed first: that is an answer, too.
  }
  await reading;
  clearTimeout(timer);
  try {
    connection.close();
  } catch {
    // Closed by the timer or by the server.
  }
  const status = Number(text.match(/^HTTP\/1\.[01] (\d{3})/)?.[1]);
  return { text, ...(status && { status }) };
}

/** What `exchange` wants: one HTTP/1.1 request as text, with its body. */
export function post(path: string, headers: Record<string, string>, body: Uint8Array | string = ""): Uint8Array[] {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const content = typeof body === "string" ? bytes(body) : body;
  return [bytes(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n`), content];
}
