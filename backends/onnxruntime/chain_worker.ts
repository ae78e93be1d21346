import { serve } from "../worker/serve.ts";
import { OrtChainModel } from "./runtime/webgpu_chain.ts";

serve(new OrtChainModel());
