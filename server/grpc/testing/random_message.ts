/** Random requests for comparing the hand-written reader with generated code; the same ones for the same seed. */
import { create } from "@bufbuild/protobuf";
import {
  type InferParameter,
  InferParameterSchema,
  type InferTensorContents,
  InferTensorContentsSchema,
  type ModelInferRequest,
  ModelInferRequest_InferInputTensorSchema,
  ModelInferRequest_InferRequestedOutputTensorSchema,
  ModelInferRequestSchema,
} from "../../../proto/gen/grpc_service_pb.ts";

/** A generator of numbers in [0, 1) from a seed. */
export function seeded(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const TEXTS = ["", "a", "INPUT0", "größe", "名前", "🙂", "x".repeat(40), "sequence_id", "\u0000"];
const INTEGERS = [0n, 1n, -1n, 127n, 128n, 300n, 2n ** 31n, -(2n ** 31n), 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];

/** Makes random pieces of requests. */
export class RandomMessages {
  constructor(private readonly random: () => number) {}

  request(): ModelInferRequest {
    return create(ModelInferRequestSchema, {
      modelName: this.#text(),
      modelVersion: this.#text(),
      id: this.#text(),
      parameters: this.#parameters(),
      inputs: this.#list(4, () =>
        create(ModelInferRequest_InferInputTensorSchema, {
          name: this.#text(),
          datatype: this.#text(),
          shape: this.#list(4, () => this.pick(INTEGERS)),
          parameters: this.#parameters(),
          contents: this.random() < 0.5 ? this.contents() : undefined,
        })),
      outputs: this.#list(3, () =>
        create(ModelInferRequest_InferRequestedOutputTensorSchema, {
          name: this.#text(),
          parameters: this.#parameters(),
        })),
      rawInputContents: this.#list(4, () => this.#bytes(50)),
    });
  }

  contents(): InferTensorContents {
    return create(InferTensorContentsSchema, {
      boolContents: this.#list(5, () => this.random() < 0.5),
      intContents: this.#list(5, () => Number(BigInt.asIntN(32, this.pick(INTEGERS)))),
      fp32Contents: this.#list(5, () => Math.fround(this.random())),
      bytesContents: this.#list(5, () => this.#bytes(9)),
    });
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)];
  }

  #text(): string {
    return this.pick(TEXTS);
  }

  #list<T>(upTo: number, make: () => T): T[] {
    return Array.from({ length: Math.floor(this.random() * (upTo + 1)) }, make);
  }

  #bytes(upTo: number): Uint8Array {
    return Uint8Array.from(this.#list(upTo, () => Math.floor(this.random() * 256)));
  }

  #parameters(): { [key: string]: InferParameter } {
    return Object.fromEntries(this.#list(3, () => [this.#text(), this.#parameter()]));
  }

  #parameter(): InferParameter {
    const integer = this.pick(INTEGERS);
    return create(InferParameterSchema, {
      parameterChoice: this.pick([
        { case: "boolParam" as const, value: this.random() < 0.5 },
        { case: "int64Param" as const, value: integer },
        { case: "stringParam" as const, value: this.#text() },
        { case: "doubleParam" as const, value: this.random() },
        { case: "uint64Param" as const, value: BigInt.asUintN(64, integer) },
        { case: undefined },
      ]),
    });
  }
}
