/** Which operators of a model run on the GPU, as ONNX Runtime logs it while it creates a session. */
export interface NodePlacement {
  readonly gpu: number;
  readonly cpu: number;
  /** Operator types among those on the CPU, where the log names them, in alphabetical order. */
  readonly cpuOperators: readonly string[];
}

const GPU = "WebGpuExecutionProvider";
const COUNT = /placed on \[(\w+)\]\. Number of nodes: (\d+)/;
const NODE = /VerifyEachNodeIsAssignedToAnEp\]\s{2,}(\S+) \(/;
const NO_KERNEL = /webgpu kernel not found in registries for Op type: (\S+) node name/;
/** Copies between the two, which no model contains. */
const COPY = /^Memcpy/;

/** Reads the verbose log of a session's creation; subgraphs are logged one by one and counted together. */
export function readPlacement(log: readonly string[]): NodePlacement {
  let gpu = 0;
  let cpu = 0;
  let onCpu = false;
  const operators = new Set<string>();
  const withoutKernel = new Set<string>();
  for (const line of log) {
    const count = COUNT.exec(line);
    if (count) {
      onCpu = count[1] !== GPU;
      if (onCpu) cpu += Number(count[2]);
      else gpu += Number(count[2]);
      continue;
    }
    const node = NODE.exec(line);
    if (node) {
      if (onCpu && !COPY.test(node[1])) operators.add(node[1]);
      continue;
    }
    const missing = NO_KERNEL.exec(line);
    if (missing) withoutKernel.add(missing[1]);
  }
  // a graph with all nodes on one side is logged without their names
  const named = operators.size > 0 ? operators : withoutKernel;
  return { gpu, cpu, cpuOperators: [...named].sort() };
}

/** For people: "" where every operator runs on the GPU. */
export function describePlacement({ gpu, cpu, cpuOperators }: NodePlacement): string {
  if (cpu === 0) return "";
  const names = cpuOperators.length > 0 ? ` (${cpuOperators.join(", ")})` : "";
  return `${gpu} of ${gpu + cpu} operators on the GPU, ${cpu} on the CPU${names}`;
}
