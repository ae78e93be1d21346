import { createRequire } from "node:module";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { type DataType, ELEMENT_SIZE } from "../../../core/data_type.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";
import { assetDirectory, RUNTIME_FILES } from "./assets.ts";
import { loadError, runError, RuntimeUnavailableError } from "./failures.ts";
import type { OrtLoadOptions } from "./options.ts";
import type { OrtSession } from "./session.ts";
import { commonSessionOptions } from "./session_options.ts";
import { decodeStringInput } from "./strings.ts";
import {
  type Feed,
  type Fetched,
  graphShape,
  type NumericArray,
  ORT_ARRAY,
  ORT_TYPE,
  toWorkerTensor,
} from "./tensors.ts";

/** The part of onnxruntime-node's native binding that is used here: synchronous, and free of its promises. */
interface NativeBinding {
  readonly InferenceSession: new () => NativeHandle;
  initOrtOnce(logLevel: number, tensorClass: unknown, isMainThread: boolean): void;
}

interface NativeHandle {
  loadModel(path: string, options: Record<string, unknown>): void;
  run(feeds: Record<string, Feed>, fetches: Record<string, null>): Record<string, Fetched>;
  dispose(): void;
}

/** Inputs up to this size are copied into memory that the binding knows already. */
const STAGED_BYTES = 4096;

/** Level of the library itself; below it are remarks about the machine's devices. */
const LOG_ERRORS = 3;

/** What the binding makes of each output; its own class would look at every argument again. */
class NativeOutput implements Fetched {
  constructor(readonly type: string, readonly data: NumericArray | string[], readonly dims: readonly number[]) {}
}

/**
 * Opens a session of the native library.
 *
 * @throws Status where the model is refused, {@link RuntimeUnavailableError} where the library does not load.
 */
export async function openNative(options: OrtLoadOptions): Promise<OrtSession> {
  let binding: NativeBinding;
  try {
    binding = await loadBinding();
    binding.initOrtOnce(LOG_ERRORS, NativeOutput, isMainThread);
  } catch (thrown) {
    throw new RuntimeUnavailableError("native", thrown);
  }
  const handle = new binding.InferenceSession();
  try {
    // by path: the library maps the file, and finds external data beside it
    handle.loadModel(options.modelPath, sessionOptions(options));
  } catch (thrown) {
    throw loadError(thrown, options.modelName, options.modelPath);
  }
  return new NativeSession(handle, options);
}

async function loadBinding(): Promise<NativeBinding> {
  const directory = assetDirectory();
  if (directory !== undefined) {
    const require = createRequire(join(directory, "package.json"));
    return require(join(directory, RUNTIME_FILES.native[0]));
  }
  const { binding } = await import("onnxruntime-node/dist/binding.js");
  return binding as unknown as NativeBinding;
}

function sessionOptions(options: OrtLoadOptions): Record<string, unknown> {
  return {
    ...commonSessionOptions({
      ...options,
      // an idle thread that spins takes its core from the rest of the server
      sessionConfig: { "session.intra_op.allow_spinning": "0", ...options.sessionConfig },
    }),
    executionProviders: ["cpu"],
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: options.interOpThreads,
  };
}

/**
 * One input, kept between runs so that a run of the same shape allocates nothing. The binding reads these fields, and
 * nothing of ONNX Runtime's `Tensor` class.
 */
class NativeFeed implements Feed {
  readonly type: string;
  readonly location = "cpu";
  dims: readonly number[] = [];
  data: NumericArray | string[] = [];
  #staging = new Uint8Array(0);
  #staged: NumericArray | undefined;

  constructor(readonly datatype: DataType, readonly scalar: boolean) {
    this.type = ORT_TYPE[datatype];
  }

  set(tensor: WorkerTensor, model: string): void {
    this.dims = graphShape(tensor, this.scalar);
    const { data } = tensor;
    const ArrayClass = ORT_ARRAY[this.datatype];
    if (!ArrayClass) {
      this.data = decodeStringInput(tensor, model);
    } else if (data.byteLength <= STAGED_BYTES || data.buffer instanceof SharedArrayBuffer) {
      this.data = this.#stage(data);
    } else {
      const size = ELEMENT_SIZE[this.datatype];
      const aligned = data.byteOffset % size === 0 ? data : data.slice();
      this.data = new ArrayClass(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
    }
  }

  /** Forgets what the caller gave: it may be large, and it is the caller's. */
  clear(): void {
    if (this.data !== this.#staged) this.data = [];
  }

  /** N-API takes no view of shared memory, and a new view of few bytes costs more than copying them. */
  #stage(data: Uint8Array): NumericArray {
    if (this.#staging.byteLength < data.byteLength) {
      this.#staging = new Uint8Array(data.byteLength);
      this.#staged = undefined;
    }
    this.#staging.set(data);
    if (this.#staged?.byteLength !== data.byteLength) {
      const ArrayClass = ORT_ARRAY[this.datatype]!;
      this.#staged = new ArrayClass(this.#staging.buffer, 0, data.byteLength / ELEMENT_SIZE[this.datatype]);
    }
    return this.#staged;
  }
}

class NativeSession implements OrtSession {
  readonly device = "";
  readonly placement = "";
  readonly #model: string;
  readonly #feeds = new Map<string, NativeFeed>();
  readonly #scalars: ReadonlySet<string>;
  readonly #scalarOutputs: ReadonlySet<string>;
  #named: Record<string, NativeFeed> = {};
  #namedCount = 0;
  #wanted: readonly string[] = [];
  #fetches: Record<string, null> = {};

  constructor(private readonly handle: NativeHandle, options: OrtLoadOptions) {
    this.#model = options.modelName;
    this.#scalars = new Set(options.inputs.filter((spec) => spec.scalar).map((spec) => spec.name));
    this.#scalarOutputs = new Set(options.outputs.filter((spec) => spec.scalar).map((spec) => spec.name));
  }

  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): WorkerTensor[] {
    const feeds = this.#fill(inputs);
    let fetched: Record<string, Fetched>;
    try {
      fetched = this.handle.run(feeds, this.#fetch(outputs));
    } catch (thrown) {
      throw runError(thrown, this.#model);
    } finally {
      for (let i = 0; i < inputs.length; i++) feeds[inputs[i].name].clear();
    }
    const tensors: WorkerTensor[] = new Array(outputs.length);
    for (let i = 0; i < outputs.length; i++) {
      const name = outputs[i];
      tensors[i] = toWorkerTensor(name, fetched[name], this.#scalarOutputs.has(name));
    }
    return tensors;
  }

  release(): Promise<void> {
    this.handle.dispose();
    return Promise.resolve();
  }

  #fill(inputs: readonly WorkerTensor[]): Record<string, NativeFeed> {
    let same = inputs.length === this.#namedCount;
    for (let i = 0; i < inputs.length; i++) {
      const tensor = inputs[i];
      let feed = this.#feeds.get(tensor.name);
      if (feed === undefined || feed.datatype !== tensor.datatype) {
        feed = new NativeFeed(tensor.datatype, this.#scalars.has(tensor.name));
        this.#feeds.set(tensor.name, feed);
      }
      feed.set(tensor, this.#model);
      same = same && this.#named[tensor.name] === feed;
    }
    if (!same) {
      this.#named = {};
      for (const { name } of inputs) this.#named[name] = this.#feeds.get(name)!;
      this.#namedCount = inputs.length;
    }
    return this.#named;
  }

  #fetch(outputs: readonly string[]): Record<string, null> {
    let same = outputs.length === this.#wanted.length;
    for (let i = 0; same && i < outputs.length; i++) same = outputs[i] === this.#wanted[i];
    if (!same) {
      this.#wanted = [...outputs];
      this.#fetches = Object.fromEntries(outputs.map((name) => [name, null]));
    }
    return this.#fetches;
  }
}
