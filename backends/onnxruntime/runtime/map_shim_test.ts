import assert from "node:assert/strict";
import { installMapShim, removeMapShim, selfTest } from "./map_shim.ts";
import { hasAdapter } from "./testing/remote_model.ts";

async function withDevice(body: (device: GPUDevice) => Promise<void>): Promise<void> {
  if (!await hasAdapter()) return;
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  try {
    await body(device);
  } finally {
    removeMapShim();
    device.destroy();
  }
}

/** Copies `value` into a buffer for reading and returns what is read back, with the buffer that was used. */
async function readBack(device: GPUDevice, size: number, value: number): Promise<[Uint8Array, GPUBuffer]> {
  const source = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
  new Uint8Array(source.getMappedRange()).fill(value);
  source.unmap();
  const reader = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, reader, 0, size);
  device.queue.submit([encoder.finish()]);
  await reader.mapAsync(GPUMapMode.READ);
  const read = new Uint8Array(reader.getMappedRange()).slice();
  reader.unmap();
  reader.destroy();
  source.destroy();
  return [read, reader];
}

Deno.test("installMapShim() leaves a Deno alone on which it was not tried", () => {
  const { mapAsync } = GPUBuffer.prototype;
  assert.equal(installMapShim("2.9.4"), false);
  assert.equal(GPUBuffer.prototype.mapAsync, mapAsync);
});

Deno.test("removeMapShim() puts Deno's own methods back", () => {
  const { createBuffer } = GPUDevice.prototype;
  const { mapAsync, getMappedRange, unmap, destroy } = GPUBuffer.prototype;
  assert.equal(installMapShim(), true);
  assert.notEqual(GPUBuffer.prototype.mapAsync, mapAsync);
  removeMapShim();
  assert.equal(GPUDevice.prototype.createBuffer, createBuffer);
  const { prototype } = GPUBuffer;
  assert.deepEqual([prototype.mapAsync, prototype.getMappedRange, prototype.unmap, prototype.destroy], [
    mapAsync,
    getMappedRange,
    unmap,
    destroy,
  ]);
});

Deno.test("installMapShim() reads what the GPU wrote, and reads again with the same buffer", () =>
  withDevice(async (device) => {
    assert.equal(installMapShim(), true);
    assert.equal(await selfTest(device), true);
    const [first, buffer] = await readBack(device, 4096, 7);
    assert.ok(first.every((byte) => byte === 7));
    for (let value = 8; value < 40; value++) {
      const [read, again] = await readBack(device, 4096, value);
      assert.ok(read.every((byte) => byte === value));
      assert.equal(again, buffer);
    }
    // more sizes than are kept
    for (let size = 16; size < 16 * 40; size += 16) {
      const [read] = await readBack(device, size, size % 251);
      assert.deepEqual(read, new Uint8Array(size).fill(size % 251));
    }
  }));

Deno.test("installMapShim() makes mapAsync() settle without a timer", () =>
  withDevice(async (device) => {
    installMapShim();
    const reader = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    let timer = false;
    setTimeout(() => timer = true);
    await reader.mapAsync(GPUMapMode.READ);
    assert.equal(timer, false);
    reader.unmap();
    reader.destroy();
    await new Promise((resolve) => setTimeout(resolve, 1)); // the timer above ends inside this test
  }));

Deno.test("installMapShim() leaves buffers for writing as they are", () =>
  withDevice(async (device) => {
    installMapShim();
    const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC });
    await buffer.mapAsync(GPUMapMode.WRITE);
    new Uint8Array(buffer.getMappedRange()).fill(9);
    buffer.unmap();
    buffer.destroy();
    const other = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC });
    assert.notEqual(other, buffer);
    other.destroy();
  }));

Deno.test("selfTest() is false when bytes come back wrong", () =>
  withDevice(async (device) => {
    const { getMappedRange } = GPUBuffer.prototype;
    GPUBuffer.prototype.getMappedRange = function (offset, size) {
      const range = getMappedRange.call(this, offset, size);
      return this.usage & GPUBufferUsage.MAP_READ ? new ArrayBuffer(range.byteLength) : range;
    };
    try {
      assert.equal(await selfTest(device), false);
    } finally {
      GPUBuffer.prototype.getMappedRange = getMappedRange;
    }
    assert.equal(await selfTest(device), true);
  }));
