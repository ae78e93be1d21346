/** What a source can make a repository do. */
export interface Reconciler {
  /** Looks into the repositories and returns the names there, sorted. Models that are new become known, not loaded. */
  scan(): Promise<readonly string[]>;
  /**
   * Reads these models anew and serves what they say: loads what is new or has changed, unloads versions that are no
   * longer selected. Resolves when each is served or has failed.
   */
  serve(names: readonly string[]): Promise<void>;
  /** Stops serving these models; resolves when no new request reaches them, while running ones may go on. */
  retire(names: readonly string[]): Promise<void>;
}

/** Says which models are to be served; the repository makes it so. */
export interface RepositorySource {
  /** True if clients may load and unload. */
  readonly explicit: boolean;
  /** States what is wanted at start; resolves when that is served or has failed. */
  start(reconciler: Reconciler): Promise<void>;
  /** States nothing any more. */
  stop(): void;
}

/** `--model-control-mode=none`: all that is there at start. */
export const everythingAtStart: RepositorySource = {
  explicit: false,
  start: async (reconciler) => reconciler.serve(await reconciler.scan()),
  stop() {},
};

/**
 * `--model-control-mode=explicit`: what clients load and unload.
 *
 * @param startup names to begin with (`--load-model`); `["*"]` for all.
 */
export function onRequest(startup: readonly string[]): RepositorySource {
  return {
    explicit: true,
    async start(reconciler) {
      const found = await reconciler.scan();
      await reconciler.serve(startup.includes("*") ? found : startup);
    },
    stop() {},
  };
}
