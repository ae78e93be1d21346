/** A model that has hung too often, as tritonclient sees it; the tests are in the Python file beside this one. */
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { needing } from "../support/needing.ts";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";
import { pytestSteps } from "../support/pytest.ts";
import { TestServer } from "../support/server.ts";

const python = await available(testPython());

Deno.test({
  ...needing("a model without an instance that runs is not ready and says why", python.missing),
  async fn(t) {
    const repository = await Deno.makeTempDir({ prefix: "triton-ts-given-up-" });
    try {
      await mustRun([python.value!, "-B", `${ROOT}/tests/robustness/make_models.py`, repository]);
      await using server = await TestServer.start({
        repositories: [repository],
        args: [
          // A loop in WebAssembly ends with its worker.
          "--backend-config=onnxruntime,cpu-runtime=wasm",
          "--backend-config=onnxruntime,execution-timeout-secs=1",
        ],
      });
      await pytestSteps(t, python.value!, "tests/robustness/test_given_up.py", {
        TRITON_HTTP: `127.0.0.1:${server.httpPort}`,
        TRITON_GRPC: server.grpc,
      });
    } finally {
      await Deno.remove(repository, { recursive: true });
    }
  },
});
