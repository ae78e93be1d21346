import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

/** What a look into a repository says of one model: everything that loading it needs. */
export interface PolledModel {
  readonly name: string;
  /** `<repository>/<model>`, absolute. */
  readonly directory: string;
  /** As written, with name, backend and platform filled in; not completed by the backend yet. */
  readonly config: ModelConfig;
  /** The versions that the policy selects, ascending. */
  readonly versions: readonly number[];
  /** What each of those versions was made from: equal texts mean that nothing has changed. */
  readonly revisions: ReadonlyMap<number, string>;
}
