/** The part of @redis/client that is used here. Its own types would put Node's in the place of Deno's everywhere. */
import type { Buffer } from "node:buffer";

export declare const RESP_TYPES: { readonly BLOB_STRING: number };

/** Redis answered, and what it says is that it will not. */
export declare class ErrorReply extends Error {}

export interface ClientOptions {
  readonly socket: {
    readonly host: string;
    readonly port: number;
    readonly connectTimeout: number;
    readonly socketTimeout: number;
    readonly reconnectStrategy: (retries: number) => number;
  };
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  readonly pingInterval: number;
  /** Commands fail at once while there is no connection. */
  readonly disableOfflineQueue: boolean;
  readonly commandOptions: { readonly typeMapping: Readonly<Record<number, typeof Buffer>> };
}

export interface Client {
  readonly isReady: boolean;
  on(event: "error", listener: (error: unknown) => void): this;
  on(event: "ready", listener: () => void): this;
  connect(): Promise<unknown>;
  destroy(): void;
  get(key: string): Promise<Buffer | null>;
  set(key: string, value: Buffer): Promise<unknown>;
}

export declare function createClient(options: ClientOptions): Client;
