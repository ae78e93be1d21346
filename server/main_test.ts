import { equal, match, ok } from "node:assert/strict";
import { run } from "./main.ts";

/** The exit code of `run`, and what it wrote outside of its log. */
async function outcome(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { log, error } = console;
  let out = "";
  let err = "";
  console.log = (text: string) => void (out += `${text}\n`);
  console.error = (text: string) => void (err += `${text}\n`);
  try {
    return { code: await run(args), out, err };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("run() writes the usage to standard output and succeeds when asked for help", async () => {
  const { code, out, err } = await outcome("--help");
  equal(code, 0);
  equal(err, "");
  match(out, /^ {2}--http-port=<port>$/m);
});

Deno.test("run() writes its version and succeeds when asked for it", async () => {
  const { code, out } = await outcome("--version");
  equal(code, 0);
  match(out, /^triton-ts \d+\.\d+\.\d+\n$/);
});

Deno.test("run() names option, fault and help when a value is wrong", async () => {
  const { code, out, err } = await outcome("--http-port=abc");
  equal(code, 1);
  equal(out, "");
  match(err, /Bad option: "--http-port"\.\nInvalid option value. Got abc\n/);
  match(err, /--http-port=<port>/);
  const backend = await outcome("--model-repository=/nope", "--backend-config=onnxruntime,gpu-check=perhaps");
  equal(backend.code, 1);
  match(backend.err, /Bad option: "--backend-config"\.\nunexpected value 'perhaps' .* expected on or off\n/);
});

Deno.test("run() fails before it loads anything when options contradict each other or cannot be honoured", async () => {
  const same = await outcome("--model-repository=/nope", "--http-port=9000", "--grpc-port=9000");
  equal(same.code, 1);
  match(same.err, /The server cannot listen to HTTP requests and GRPC requests at the same/);
  const tls = await outcome("--model-repository=/nope", "--grpc-use-ssl=true");
  equal(tls.code, 1);
  match(tls.err, /^error: creating server: Unsupported - --grpc-use-ssl=true is not supported/);
});

Deno.test("run() fails when there is no repository", async () => {
  const none = await outcome();
  equal(none.code, 1);
  equal(none.err, "error: creating server: Invalid argument - --model-repository must be specified\n");
  const absent = await outcome("--model-repository=/nope", "--http-port=0", "--grpc-port=0", "--metrics-port=0");
  equal(absent.code, 1);
  match(absent.err, /^error: creating server: Internal - failed to stat file \/nope/);
});

Deno.test("run() names the models that failed, and why, before its last line", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${directory}/broken`);
    Deno.writeTextFileSync(`${directory}/broken/config.pbtxt`, "nam: 'x'\n");
    const ports = ["--http-port=0", "--grpc-port=0", "--metrics-port=0"];
    const quiet = ["--log-info=false", "--log-error=false"];
    const { code, err } = await outcome(`--model-repository=${directory}`, ...ports, ...quiet);
    equal(code, 1);
    const lines = err.trimEnd().split("\n");
    ok(lines[0].startsWith(`  broken: `) && lines[0].includes("config.pbtxt:1:1"), err);
    equal(lines.at(-1), "error: creating server: Internal - failed to load all models: 1 of 1 failed");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
