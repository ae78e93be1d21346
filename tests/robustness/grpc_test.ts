/** Bad gRPC messages, sent by gRPC's own client; the tests are in the Python file beside this one. */
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { ROOT } from "../support/paths.ts";
import { pytestSteps } from "../support/pytest.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const python = await available(testPython());
const title = "bad gRPC requests get a status and a sentence";

Deno.test({
  ...needing(title, python.missing),
  async fn(t) {
    await using server = await TestServer.start({ repositories: [`${ROOT}/models`] });
    await pytestSteps(t, python.value!, "tests/robustness/test_bad_grpc.py", { TRITON_GRPC: server.grpc });
  },
});
