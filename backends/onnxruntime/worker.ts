import { StatefulModel } from "../state/stateful_model.ts";
import { serve } from "../worker/serve.ts";
import { OrtWorkerModel } from "./runtime/worker_model.ts";

serve(new StatefulModel(new OrtWorkerModel()));
