import { cpus } from "node:os";

/** Time that the processors spent, in any unit that grows steadily. */
export interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

export interface Usage {
  /** 0 to 1, over all processors. */
  readonly utilization: number;
  readonly totalBytes: number;
  readonly usedBytes: number;
}

/** What the machine's processors and memory are doing, looked up when asked for. */
export class SystemUsage {
  #since: CpuTimes;
  #readAt: number;
  #utilization = 0;

  /**
   * @param intervalMs the least time over which the use of the processors is averaged: asked again sooner, the same
   *   figure is given.
   */
  constructor(
    private readonly intervalMs: number,
    private readonly now: () => number = () => performance.now(),
    private readonly cpuTimes: () => CpuTimes = readCpuTimes,
    private readonly memory: () => { total: number; available: number } = Deno.systemMemoryInfo,
  ) {
    this.#since = cpuTimes();
    this.#readAt = now();
  }

  read(): Usage {
    if (this.now() - this.#readAt >= this.intervalMs) {
      const times = this.cpuTimes();
      const total = times.total - this.#since.total;
      if (total > 0) this.#utilization = Math.min(1, Math.max(0, 1 - (times.idle - this.#since.idle) / total));
      this.#since = times;
      this.#readAt = this.now();
    }
    const { total, available } = this.memory();
    return { utilization: this.#utilization, totalBytes: total, usedBytes: total - available };
  }
}

function readCpuTimes(): CpuTimes {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}
