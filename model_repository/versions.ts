import type { ModelVersionPolicy } from "../proto/gen/model_config_pb.ts";

/** What the subdirectories of a model say about its versions. */
export interface VersionDirectories {
  /** Ascending. */
  readonly versions: readonly number[];
  /** Sentences about directories that look like versions and are none. */
  readonly warnings: readonly string[];
}

/**
 * Reads version numbers from directory names: positive integers without a leading zero. Hidden directories, and those
 * that a model keeps beside its versions (`configs`, `warmup`, `initial_state`), are passed over in silence.
 */
export function versionsOf(directories: readonly string[], model: string): VersionDirectories {
  const versions: number[] = [];
  const warnings: string[] = [];
  for (const name of directories) {
    if (/^[1-9]\d*$/.test(name) && Number.isSafeInteger(Number(name))) versions.push(Number(name));
    else if (/^\d+$/.test(name)) {
      warnings.push(
        `ignoring version directory '${name}' of model '${model}': a version is a positive integer without leading zeros`,
      );
    } else if (!name.startsWith(".") && !BESIDE_VERSIONS.has(name)) {
      warnings.push(
        `ignoring version directory '${name}' of model '${model}' which fails to convert to integral number`,
      );
    }
  }
  return { versions: versions.sort((a, b) => a - b), warnings };
}

const BESIDE_VERSIONS: ReadonlySet<string> = new Set(["configs", "warmup", "initial_state"]);

/** Versions that a policy selects, and those it names that do not exist. */
export interface VersionChoice {
  readonly chosen: readonly number[];
  readonly absent: readonly number[];
}

/**
 * The versions to serve: the highest `num_versions` (`latest`; 1 where there is no policy), all, or the listed ones that
 * exist.
 *
 * @param versions ascending.
 */
export function chooseVersions(policy: ModelVersionPolicy | undefined, versions: readonly number[]): VersionChoice {
  const choice = policy?.policyChoice;
  switch (choice?.case) {
    case "all":
      return { chosen: versions, absent: [] };
    case "specific": {
      const listed = [...new Set(choice.value.versions.map(Number))].sort((a, b) => a - b);
      return {
        chosen: listed.filter((version) => versions.includes(version)),
        absent: listed.filter((version) => !versions.includes(version)),
      };
    }
    case "latest": {
      const count = choice.value.numVersions;
      return { chosen: count === 0 ? [] : versions.slice(-count), absent: [] };
    }
    default:
      return { chosen: versions.slice(-1), absent: [] };
  }
}
