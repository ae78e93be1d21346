import assert from "node:assert/strict";
import type { Log } from "../../../observability/log.ts";
import { chooseTransport } from "./choose.ts";

const silent: Log = { verbose() {}, info() {}, warning() {}, error() {} };

Deno.test("chooseTransport() takes the one asked for, else Deno.serve where it delivers trailers", async () => {
  assert.equal((await chooseTransport("node", silent)).name, "node");
  assert.equal((await chooseTransport("deno", silent)).name, "deno");
  assert.equal((await chooseTransport(undefined, silent)).name, "deno");
});
