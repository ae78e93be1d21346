import assert from "node:assert/strict";
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { checkStartup, checkTogether, ineffective, summary } from "./checks.ts";
import { parseCommandLine } from "./parse.ts";

function parsed(...args: string[]) {
  const result = parseCommandLine(args);
  ok(result.kind === "serve", JSON.stringify(result));
  return result;
}

Deno.test("checkTogether() refuses a port when two services want it at one address", () => {
  const same = checkTogether(parsed("--http-address=127.0.0.1", "--http-port=9", "--grpc-port=9").options);
  match(same!.message, /^The server cannot listen to HTTP requests and GRPC requests at the same .* 127.0.0.1:9$/);
  const metrics = checkTogether(parsed("--metrics-port=8000").options);
  match(metrics!.message, /HTTP requests and metrics requests/);
});

Deno.test("checkTogether() allows a port twice when one service is off, the addresses differ, or the system chooses", () => {
  equal(checkTogether(parsed("--grpc-port=8000", "--allow-grpc=false").options), undefined);
  equal(
    checkTogether(parsed("--http-address=127.0.0.1", "--grpc-address=127.0.0.2", "--grpc-port=8000").options),
    undefined,
  );
  equal(checkTogether(parsed("--http-port=0", "--grpc-port=0", "--metrics-port=0").options), undefined);
});

Deno.test("checkTogether() refuses --load-model when the mode is not explicit", () => {
  match(checkTogether(parsed("--load-model=x").options)!.message, /requires setting '--model-control-mode=explicit'/);
});

for (
  const [args, text] of [
    [[], "--model-repository must be specified"],
    [["--model-repository=r", "--load-model=*", "--load-model=x"], "Wildcard model name '*'"],
    [["--model-repository=r", "--cache-config=local,size=abc"], "Failed to initialize LocalCache: stoull"],
    [["--model-repository=r", "--cache-config=foo,a=b"], "unable to find 'libtritoncache_foo.so' for cache"],
    [["--model-repository=r", "--cache-config=local,size=1", "--cache-config=redis,a=b"], "found multiple cache"],
    [
      ["--model-repository=r", "--model-load-gpu-limit=0:2"],
      "expects limit fraction to be in range [0.0, 1.0], got 2.",
    ],
    [["--model-repository=r", "--grpc-use-ssl=true"], "--grpc-use-ssl=true is not supported: "],
    [["--model-repository=r", "--http-restricted-api=health:k=v"], "--http-restricted-api=health:k=… is not supported"],
    [["--model-repository=r", "--model-control-mode=poll"], "--model-control-mode=poll is not supported"],
    [["--model-repository=r", "--allow-vertex-ai=true"], "--allow-vertex-ai=true is not supported"],
  ] as const
) {
  Deno.test(`checkStartup() refuses to start when given ${args.join(" ") || "nothing"}`, () => {
    const status = checkStartup(parsed(...args).options);
    ok(status?.message.includes(text), status?.message);
  });
}

Deno.test("checkStartup() has nothing to say when refused options have their defaults", () => {
  const { options } = parsed("--model-repository=r", "--grpc-use-ssl=false", "--model-control-mode=none");
  equal(checkStartup(options), undefined);
});

Deno.test("ineffective() names each option once when it is set and does nothing", () => {
  const { options } = parsed("--trace-config=rate=5", "--http-thread-count=3", "--http-port=1");
  deepEqual(ineffective(options), [
    "--http-thread-count has no effect: requests share one event loop",
    "--trace-config has no effect yet: no traces are written yet",
  ]);
  deepEqual(ineffective(parsed().options), []);
});

Deno.test("summary() shows what was set and what is prominent when asked", () => {
  const { options, given } = parsed("--log-verbose=1");
  const names = summary(options, given).map(([name]) => name);
  ok(names.includes("log-verbose") && names.includes("http-port") && !names.includes("log-info"));
});

Deno.test("summary() shows every option but the deprecated when asked for all", () => {
  const { options, given } = parsed();
  const names = summary(options, given, true).map(([name]) => name);
  ok(names.includes("log-info") && names.includes("rate-limit") && !names.includes("trace-rate"));
});

Deno.test("checkStartup() names the flag without which a port cannot be shared", () => {
  const status = checkStartup(parsed("--model-repository=m", "--reuse-http-port=true").options);
  if ("listenDatagram" in Deno) assert.equal(status, undefined);
  else assert.match(status!.message, /--reuse-http-port needs Deno's --unstable-net/);
});
