import { inconsistentShape, inconsistentType } from "../../core/errors/ensemble.ts";
import { DataType, type ModelInput } from "../../proto/gen/model_config_pb.ts";
import { compatible } from "../../scheduler/ensemble/bridge.ts";

/** What one model says of a tensor. */
interface Claim {
  readonly model: string;
  readonly type: DataType;
  /** Of one row. */
  readonly dims: readonly number[];
  /** With the batch dimension where the model has one. */
  readonly full: readonly number[];
}

/** What the configuration of an input or output says, as far as it matters here. */
export type ConfiguredTensor = Pick<ModelInput, "dataType" | "dims" | "reshape">;

/** Collects what an ensemble and its models say of the ensemble's tensors, and finds where they do not agree. */
export class TensorClaims {
  readonly #first = new Map<string, Claim>();

  constructor(private readonly ensemble: string) {}

  /** What the ensemble itself says of its inputs and outputs. */
  ofEnsemble(tensor: string, configured: ConfiguredTensor, batching: boolean): void {
    this.#first.set(tensor, claimOf(this.ensemble, configured.dataType, innerDims(configured), batching));
  }

  /**
   * What a step's model says of a tensor that it reads or writes. Free dimensions agree with any; and a shape that starts
   * with a row count agrees with the same one of a model that batches.
   *
   * @throws Status INVALID_ARGUMENT where another model says something else.
   */
  ofModel(tensor: string, model: string, { dataType, dims }: ConfiguredTensor, batching: boolean): void {
    const claim = claimOf(model, dataType, dims.map(Number), batching);
    const first = this.#first.get(tensor);
    if (!first) {
      this.#first.set(tensor, claim);
      return;
    }
    if (first.type !== claim.type) {
      const said = ({ model, type }: Claim) => ({ model, what: DataType[type] });
      throw inconsistentType(this.ensemble, tensor, said(first), said(claim));
    }
    if (!compatible(first.dims, claim.dims) && !compatible(first.full, claim.full)) {
      const said = ({ model, full }: Claim) => ({ model, what: `[${full}]` });
      throw inconsistentShape(this.ensemble, tensor, said(first), said(claim));
    }
  }
}

/** The dims of an ensemble's own tensor as its steps see it. */
export function innerDims({ dims, reshape }: ConfiguredTensor): number[] {
  return (reshape?.shape ?? dims).map(Number);
}

function claimOf(model: string, type: DataType, dims: readonly number[], batching: boolean): Claim {
  return { model, type, dims, full: batching ? [-1, ...dims] : dims };
}
