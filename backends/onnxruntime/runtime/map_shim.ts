/**
 * Reading results back from the GPU without Deno's wait. Deno's `mapAsync` has mapped the buffer when it returns, and
 * then sleeps 10 ms before its promise settles. The shim takes the mapped range at once and hands out a settled promise.
 *
 * A range may only be taken from a buffer whose map mode Deno knows, or the process ends: so buffers for reading are
 * created mapped (which sets it), unmapped, and kept for the next read of their size. This leans on how one version of
 * Deno works: it is installed on {@link CHECKED_VERSIONS} only, and {@link selfTest} proves it on the device in use.
 */

/** Versions of Deno on which the shim was tried. */
const CHECKED_VERSIONS: readonly string[] = ["2.9.3"];
/** Idle buffers kept for later reads, and the bytes that they may hold together. */
const IDLE_BUFFERS = 16;
const IDLE_BYTES = 64 * 1024 * 1024;

interface MappedRange {
  readonly offset: number;
  readonly size: number | undefined;
  readonly range: ArrayBuffer;
}

/** The methods as the browser's standard names them, replaced while the shim is installed. */
interface Originals {
  readonly createBuffer: GPUDevice["createBuffer"];
  readonly mapAsync: GPUBuffer["mapAsync"];
  readonly getMappedRange: GPUBuffer["getMappedRange"];
  readonly unmap: GPUBuffer["unmap"];
  readonly destroy: GPUBuffer["destroy"];
}

let originals: Originals | undefined;

/** Installs the shim in this thread. @returns false where this Deno has not been tried. */
export function installMapShim(version: string = Deno.version.deno): boolean {
  if (!CHECKED_VERSIONS.includes(version)) return false;
  if (originals) return true;
  const kept: Originals = {
    createBuffer: GPUDevice.prototype.createBuffer,
    mapAsync: GPUBuffer.prototype.mapAsync,
    getMappedRange: GPUBuffer.prototype.getMappedRange,
    unmap: GPUBuffer.prototype.unmap,
    destroy: GPUBuffer.prototype.destroy,
  };
  originals = kept;
  const readers = new Readers(kept);

  GPUDevice.prototype.createBuffer = function (descriptor) {
    return readers.create(this, descriptor) ?? kept.createBuffer.call(this, descriptor);
  };
  GPUBuffer.prototype.mapAsync = function (mode, offset, size) {
    const settled = kept.mapAsync.call(this, mode, offset, size);
    if (!readers.mapped(this, mode, offset ?? 0, size)) return settled;
    settled.catch(() => {}); // its end is of no interest any more
    return Promise.resolve(undefined) as ReturnType<GPUBuffer["mapAsync"]>;
  };
  GPUBuffer.prototype.getMappedRange = function (offset, size) {
    return readers.range(this, offset ?? 0, size) ?? kept.getMappedRange.call(this, offset, size);
  };
  GPUBuffer.prototype.unmap = function () {
    readers.forget(this);
    return kept.unmap.call(this);
  };
  GPUBuffer.prototype.destroy = function () {
    if (!readers.keep(this)) kept.destroy.call(this);
  };
  return true;
}

/** Puts Deno's own methods back. */
export function removeMapShim(): void {
  if (!originals) return;
  const { createBuffer, ...buffer } = originals;
  GPUDevice.prototype.createBuffer = createBuffer;
  Object.assign(GPUBuffer.prototype, buffer);
  originals = undefined;
}

/** The buffers for reading, and what is mapped of them. */
class Readers {
  readonly #device = new WeakMap<GPUBuffer, GPUDevice>();
  readonly #mapped = new WeakMap<GPUBuffer, MappedRange>();
  #idle: GPUBuffer[] = [];
  #idleBytes = 0;

  constructor(private readonly kept: Originals) {}

  /** A buffer for reading, idle or new; undefined for every other kind. */
  create(device: GPUDevice, descriptor: GPUBufferDescriptor): GPUBuffer | undefined {
    const { usage, size, mappedAtCreation } = descriptor;
    // only sizes in words can be created mapped
    if (!(usage & GPUBufferUsage.MAP_READ) || mappedAtCreation || size % 4 !== 0 || size === 0) return undefined;
    const at = this.#idle.findIndex((buffer) =>
      buffer.size === size && buffer.usage === usage && this.#device.get(buffer) === device
    );
    if (at >= 0) {
      this.#idleBytes -= size;
      return this.#idle.splice(at, 1)[0];
    }
    const buffer = this.kept.createBuffer.call(device, { ...descriptor, mappedAtCreation: true });
    this.kept.unmap.call(buffer);
    this.#device.set(buffer, device);
    return buffer;
  }

  /** Takes the range that `mapAsync` has mapped. @returns false where it has to be waited for. */
  mapped(buffer: GPUBuffer, mode: number, offset: number, size: number | undefined): boolean {
    if (mode !== GPUMapMode.READ || !this.#device.has(buffer)) return false;
    try {
      this.#mapped.set(buffer, { offset, size, range: this.kept.getMappedRange.call(buffer, offset, size) });
      return true;
    } catch {
      return false;
    }
  }

  range(buffer: GPUBuffer, offset: number, size: number | undefined): ArrayBuffer | undefined {
    const taken = this.#mapped.get(buffer);
    return taken && taken.offset === offset && (size === undefined || taken.size === size) ? taken.range : undefined;
  }

  forget(buffer: GPUBuffer): void {
    this.#mapped.delete(buffer);
  }

  /** Keeps a buffer that is no longer used for the next read. @returns false where it is to be destroyed. */
  keep(buffer: GPUBuffer): boolean {
    if (!this.#device.has(buffer)) return false;
    if (this.#mapped.has(buffer)) buffer.unmap();
    if (this.#idle.includes(buffer)) return true;
    if (buffer.size > IDLE_BYTES) return false;
    this.#idle.push(buffer);
    this.#idleBytes += buffer.size;
    while (this.#idle.length > IDLE_BUFFERS || this.#idleBytes > IDLE_BYTES) {
      const oldest = this.#idle.shift()!;
      this.#idleBytes -= oldest.size;
      this.kept.destroy.call(oldest);
    }
    return true;
  }
}

/**
 * Reads known bytes back from `device`, twice, so that a kept buffer is read as well.
 *
 * @returns false where they came back wrong or not at all.
 */
export async function selfTest(device: GPUDevice): Promise<boolean> {
  try {
    return await readsBack(device, 0x5eed1234) && await readsBack(device, 0x0badcafe);
  } catch {
    return false;
  }
}

async function readsBack(device: GPUDevice, value: number): Promise<boolean> {
  const size = 256;
  const source = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
  new Uint32Array(source.getMappedRange()).fill(value);
  source.unmap();
  const reader = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  try {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, reader, 0, size);
    device.queue.submit([encoder.finish()]);
    await reader.mapAsync(GPUMapMode.READ);
    const right = new Uint32Array(reader.getMappedRange()).every((word) => word === value);
    reader.unmap();
    return right;
  } finally {
    source.destroy();
    reader.destroy();
  }
}
