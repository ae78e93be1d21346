/**
 * What is in the binary. Its runtime cannot be downloaded everywhere: Deno itself stands in for it, which makes a binary
 * that can be looked into, and is a little larger than the real one.
 */
import assert from "node:assert/strict";
import { makeBundle, workerEntries } from "../../deploy/bundle.ts";
import { compile, megabytes } from "../../deploy/compile.ts";
import { programExtension, targetOf } from "../../deploy/target.ts";
import { readEmbedded } from "./embedded.ts";

const HERE = targetOf(Deno.build.target);
const MOST_EMBEDDED = 120e6;
const MOST_IN_ALL = 250e6;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "triton-ts-compile-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Modules beside it that a module of the bundle names. */
function imported(source: string): string[] {
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"\.\.?\/(?:\.\.\/)*([^"]+\.js)"/g)].map(([, file]) => file);
}

Deno.test("the binary holds the program, its workers and the runtimes' files, and nothing else", async (t) => {
  await inFolder(async (folder) => {
    const output = `${folder}/triton-ts${programExtension(HERE)}`;
    const { bundle, size } = await compile(HERE, `${folder}/bundle`, output, Deno.execPath());
    const { files, metadata, npmBytes } = readEmbedded(await Deno.readFile(output));
    const paths = [...files.keys()];

    await t.step("every file of the bundle in its size, and no other", () => {
      assert.deepEqual([...files].sort(), [...bundle.files].sort());
      assert.equal(npmBytes, 0, "no npm packages beside the bundled code");
    });
    await t.step("the workers", async () => {
      const entries = await workerEntries();
      assert.ok(entries.includes("backends/onnxruntime/worker.ts"));
      const workers = paths.filter((path) => path.startsWith("backends/"));
      assert.deepEqual(workers, entries.map((entry) => entry.replace(/\.ts$/, ".js")));
    });
    await t.step("the runtimes' files: two WebAssembly builds and one native library", () => {
      const assets = paths.filter((path) => path.startsWith("assets/")).map((path) => path.slice("assets/".length));
      const web = ["ort-wasm-simd-threaded.jspi.wasm", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
      assert.deepEqual(assets.filter((file) => file.startsWith("ort-")).sort(), web);
      const native = assets.filter((file) => !file.startsWith("ort-"));
      assert.equal(native.length > 0, bundle.native);
      if (bundle.native) assert.ok(native.includes("onnxruntime_binding.node"));
      for (const file of native) {
        assert.match(file, /^onnxruntime_binding\.node$|^(lib)?onnxruntime[.\d]*(so|dylib|dll)[.\d]*$|^DirectML\.dll$/);
      }
    });
    await t.step("code that something loads, and only code", async () => {
      const reached = new Set<string>();
      const follow = async (file: string): Promise<void> => {
        if (reached.has(file)) return;
        reached.add(file);
        for (const next of imported(await Deno.readTextFile(`${bundle.folder}/${file}`))) await follow(next);
      };
      for (const entry of ["main.js", ...bundle.workers]) await follow(entry);
      const code = paths.filter((path) => !path.startsWith("assets/"));
      assert.deepEqual([...reached].sort(), code.sort());
      assert.deepEqual(paths.filter((path) => /\.(ts|map|onnx|md)$|node_modules|_test/.test(path)), []);
    });
    await t.step("it unpacks itself: the native library has to be a real file", () => {
      assert.equal(typeof metadata.self_extracting, "string");
    });
    await t.step("its size", async () => {
      const embedded = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
      const runtime = (await Deno.stat(Deno.execPath())).size;
      console.log(`embedded ${megabytes(embedded)}, with all of Deno for a runtime ${megabytes(size)}`);
      assert.ok(embedded < MOST_EMBEDDED, megabytes(embedded));
      assert.ok(size < MOST_IN_ALL, megabytes(size));
      assert.ok(Math.abs(size - embedded - runtime) < 5e6, "there is nothing in it beside these files and the runtime");
    });
  });
});

Deno.test("makeBundle() takes the native library of the target, not of this machine", async () => {
  await inFolder(async (folder) => {
    const { files, native } = await makeBundle(targetOf("aarch64-unknown-linux-gnu"), folder);
    assert.ok(native && files.has("assets/onnxruntime_binding.node"));
    const elf = await Deno.readFile(`${folder}/assets/libonnxruntime.so.1`);
    assert.equal(new DataView(elf.buffer).getUint16(18, true), 0xb7, "the machine in an ELF header: AArch64");
  });
});

Deno.test("makeBundle() goes without a native library where there is none for the target", async () => {
  await inFolder(async (folder) => {
    const { files, native } = await makeBundle(targetOf("x86_64-apple-darwin"), folder);
    assert.equal(native, false);
    assert.deepEqual([...files.keys()].filter((file) => /\.(node|dylib|so[.\d]*|dll)$/.test(file)), []);
  });
});

Deno.test("compile() says in a sentence that its runtime is not there", async () => {
  await inFolder(async (folder) => {
    await assert.rejects(
      compile(HERE, `${folder}/bundle`, `${folder}/triton-ts`, `${folder}/denort`),
      (error: Error) => {
        assert.match(error.message, /^DENORT_BIN=\S+denort is not there: it has to name a denort [\d.]+$/);
        return true;
      },
    );
  });
});

Deno.test("targetOf() names the targets when it does not know one", () => {
  assert.throws(() => targetOf("riscv64"), /unknown target 'riscv64'; there are x86_64-unknown-linux-gnu, aarch64/);
});
