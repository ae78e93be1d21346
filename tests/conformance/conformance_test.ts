/** Unmodified Triton clients against the running server; the tests themselves are the Python files beside this one. */
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";
import { pytestSteps } from "../support/pytest.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const python = await available(testPython());
/** What is tested, by how the server is started. */
const VARIANTS: Record<string, { args: string[]; files: string }> = {
  "tritonclient gets what it asks for": { args: [], files: "tests/conformance" },
  "tritonclient gets what it asks for when every model runs in a worker": {
    args: ["--backend-config=onnxruntime,inline=off"],
    files: "tests/conformance/test_inference.py",
  },
  "tritonclient gets what it asks for from the wasm runtime": {
    args: ["--backend-config=onnxruntime,cpu-runtime=wasm"],
    files: "tests/conformance/test_datatypes.py",
  },
};

for (const [title, { args, files }] of Object.entries(VARIANTS)) {
  Deno.test({
    ...needing(title, python.missing),
    async fn(t) {
      const repository = await Deno.makeTempDir({ prefix: "triton-ts-types-" });
      try {
        await mustRun([python.value!, "-B", `${ROOT}/tests/conformance/make_repository.py`, repository]);
        await using server = await TestServer.start({ repositories: [`${ROOT}/models`, repository], args });
        await pytestSteps(t, python.value!, files, {
          TRITON_HTTP: `127.0.0.1:${server.httpPort}`,
          TRITON_GRPC: server.grpc,
          TRITON_METRICS: `127.0.0.1:${server.metricsPort}`,
        });
      } finally {
        await Deno.remove(repository, { recursive: true });
      }
    },
  });
}
