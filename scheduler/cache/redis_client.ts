/** The Redis client, in a module of its own so that it is loaded only where it is used. */
// @ts-types="./redis_client.d.ts"
export { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
