import { serve } from "../worker/serve.ts";
import { OrtWorkerModel } from "./runtime/worker_model.ts";

serve(new OrtWorkerModel());
