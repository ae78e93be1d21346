import { Buffer } from "node:buffer";
import { type Clock, systemClock } from "../../core/clock.ts";
import { redisRefused } from "../../core/errors/cache.ts";
import { Status } from "../../core/status.ts";
import type { Log } from "../../observability/log.ts";
import { decodeResponse, encodeResponse } from "./encode.ts";
import type { Client, ClientOptions } from "./redis_client.d.ts";
import type { RedisSettings } from "./redis_settings.ts";
import type { CachedResponse, Insertion, ResponseCache } from "./response_cache.ts";

const PREFIX = "tritoncache:";
/** The most that Redis takes as one value. */
const MAX_VALUE_BYTES = 512 * 1024 * 1024;
/** Bytes on their way to Redis; what comes on top is not kept. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
/** How long Redis is left alone after it did not answer in time. */
const REST_MS = 1000;
const MAX_RECONNECT_MS = 5000;
/** A connection on which nothing arrives for so long, pings' answers neither, is made anew. */
const DEAD_MS = 15_000;
const PING_MS = 5000;

/**
 * Keeps responses in a Redis server, which may be shared by several servers and outlive them. Which entries go when it is
 * full is Redis' own setting (`maxmemory-policy`); entries of replaced models are never asked for again and leave that
 * way too.
 *
 * Nothing here makes a request fail or wait for long: while Redis is away or slow every lookup is a miss, and the log says
 * once that it is away and once that it is back.
 */
export class RedisCache implements ResponseCache {
  readonly shared = true;
  readonly statistics = undefined;
  readonly #address: string;
  #unsent = 0;
  #restUntil = -Infinity;
  #away = false;

  private constructor(
    private readonly client: Client,
    private readonly settings: RedisSettings,
    private readonly log: Log,
    private readonly clock: Clock,
  ) {
    this.#address = `${settings.host}:${settings.port}`;
  }

  /**
   * Connects. A server that is not there is waited for in the background.
   *
   * @throws Status INTERNAL where Redis answers and does not let us in.
   */
  static async connect(settings: RedisSettings, log: Log, clock: Clock = systemClock): Promise<RedisCache> {
    const redis = await import("./redis_client.ts");
    const client = redis.createClient(optionsOf(settings, redis.RESP_TYPES.BLOB_STRING));
    const cache = new RedisCache(client, settings, log, clock);
    const refused = (thrown: unknown) => {
      client.destroy();
      throw redisRefused(cache.#address, Status.from(thrown).message);
    };
    const first = await new Promise<unknown>((resolve) => {
      client.on("error", (error: unknown) => {
        resolve(error);
        cache.#failed(error);
      });
      client.on("ready", () => {
        resolve(undefined);
        cache.#back();
      });
      client.connect().catch(resolve);
    });
    if (first instanceof redis.ErrorReply) refused(first);
    // without a password Redis lets anyone connect, and then refuses every command
    if (first === undefined) {
      await client.get(PREFIX).catch((thrown) => thrown instanceof redis.ErrorReply ? refused(thrown) : undefined);
    }
    return cache;
  }

  lookup(key: string): CachedResponse | undefined | Promise<CachedResponse | undefined> {
    if (!this.client.isReady || this.clock.now() < this.#restUntil) return undefined;
    return new Promise((resolve) => {
      const cancel = this.clock.after(this.settings.socketTimeoutMs, () => {
        this.#restUntil = this.clock.now() + REST_MS;
        this.#failed(`no answer within ${this.settings.socketTimeoutMs} ms`);
        resolve(undefined);
      });
      this.client.get(PREFIX + key).then(
        (value) => {
          cancel();
          this.#back();
          // plain bytes: a Buffer's slice() does not copy
          resolve(
            value === null ? undefined : decodeResponse(new Uint8Array(value.buffer, value.byteOffset, value.length)),
          );
        },
        (thrown) => {
          cancel();
          this.#failed(thrown);
          resolve(undefined);
        },
      );
    });
  }

  insert(key: string, response: CachedResponse): Insertion {
    const bytes = response.outputs.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bytes > MAX_VALUE_BYTES) return "too large";
    const { client } = this;
    if (!client.isReady || this.clock.now() < this.#restUntil || this.#unsent + bytes > MAX_UNSENT_BYTES) {
      return "skipped";
    }
    const value = encodeResponse(response);
    this.#unsent += value.byteLength;
    client.set(PREFIX + key, Buffer.from(value.buffer, value.byteOffset, value.byteLength)).then(
      () => this.#unsent -= value.byteLength,
      (thrown) => {
        this.#unsent -= value.byteLength;
        this.#failed(thrown);
      },
    );
    return "kept";
  }

  joined(): void {}

  /** What replaced models have left is Redis' to drop. */
  forget(): void {}

  close(): Promise<void> {
    this.client.destroy();
    return Promise.resolve();
  }

  #failed(thrown: unknown): void {
    if (this.#away) return;
    this.#away = true;
    const reason = typeof thrown === "string" ? thrown : Status.from(thrown).message;
    this.log.warning(
      `The response cache in Redis at ${this.#address} cannot be used: ${reason}. Requests go on without`,
    );
  }

  #back(): void {
    if (!this.#away) return;
    this.#away = false;
    this.log.info(`The response cache in Redis at ${this.#address} is in use again`);
  }
}

function optionsOf({ host, port, user, password, db, connectTimeoutMs }: RedisSettings, blob: number): ClientOptions {
  return {
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      socketTimeout: DEAD_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, MAX_RECONNECT_MS),
    },
    username: user,
    password,
    database: db,
    pingInterval: PING_MS,
    disableOfflineQueue: true,
    commandOptions: { typeMapping: { [blob]: Buffer } },
  };
}
