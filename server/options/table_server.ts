/** Options of the server as a whole, its model repository, its log and its backends. */
import { DEFAULT_QUEUE_SIZE } from "../../scheduler/limits.ts";
import { option } from "./option.ts";
import { backendConfig, type Settings } from "./settings.ts";
import { bool, decimal, flag, integer, list, oneOf, text, verbosity } from "./values.ts";

export const SERVER_OPTIONS = {
  help: option({ section: "General", type: flag, default: false, help: "Show this text." }),
  version: option({ section: "General", type: flag, default: false, help: "Show the server's version." }),
  id: option({
    section: "General",
    type: text,
    default: "triton",
    prominent: true,
    help: "Name of the server, as server metadata shows it.",
  }),
  exitTimeoutSecs: option({
    section: "General",
    type: integer(0),
    default: 30,
    prominent: true,
    help: "Seconds that running requests may take to finish when the server is told to stop; it exits with an error " +
      "when they take longer.",
  }),
  exitOnError: option({
    section: "General",
    type: bool,
    default: true,
    prominent: true,
    help: "Exit when a model fails to load at start. With false the server runs with the models that did load.",
  }),
  strictReadiness: option({
    section: "General",
    type: bool,
    default: true,
    prominent: true,
    help: "Report ready only while every model is ready. With false a server that answers is ready.",
  }),

  maxQueueSize: option({
    section: "General",
    type: integer(0),
    default: DEFAULT_QUEUE_SIZE,
    help: "Requests that may wait for one model; more are refused with UNAVAILABLE. 0 for any number. A queue policy " +
      "with max_queue_size goes first.",
  }),

  modelRepository: option({
    section: "Model repository",
    type: list("<folder>", "a folder"),
    default: [] as readonly string[],
    aliases: ["model-store"],
    prominent: true,
    help: "Folder with one folder per model: <model>/config.pbtxt and <model>/<version>/model.onnx. Required; may be " +
      "repeated for several folders.",
  }),
  modelControlMode: option({
    section: "Model repository",
    type: oneOf(["none", "poll", "explicit"]),
    default: "none",
    prominent: true,
    effect: "refused",
    why: "loading models while the server runs comes in a later version; with 'none' all models are loaded at start",
    help: "When models are loaded: all of them at start (none), whenever the repository changes (poll), or when a " +
      "client says so (explicit).",
  }),
  repositoryPollSecs: option({
    section: "Model repository",
    type: integer(0),
    default: 15,
    effect: "later",
    why: "there is no poll mode yet",
    help: "Seconds between two looks at the repository in poll mode.",
  }),
  loadModel: option({
    section: "Model repository",
    type: list("<model>", "the name of a model"),
    default: [] as readonly string[],
    effect: "refused",
    why: "there is no explicit mode yet",
    help: "Model to load at start in explicit mode; may be repeated, '*' stands for all.",
  }),
  disableAutoCompleteConfig: option({
    section: "Model repository",
    type: flag,
    default: false,
    help: "Do not complete the configuration of a model from its files: config.pbtxt must then say everything.",
  }),
  modelConfigName: option({
    section: "Model repository",
    type: text,
    default: "",
    help: "Use <model>/configs/<name>.pbtxt of the models that have it, instead of config.pbtxt.",
  }),
  modelLoadThreadCount: option({
    section: "Model repository",
    type: integer(1),
    default: 4,
    help: "How many models are loaded at the same time.",
  }),
  modelLoadRetryCount: option({
    section: "Model repository",
    type: integer(0),
    default: 0,
    help: "How often loading a model is tried again after it failed.",
  }),
  modelNamespacing: option({
    section: "Model repository",
    type: bool,
    default: false,
    effect: "refused",
    why: "models are told apart by their names alone",
    help: "Let models of different repositories have the same name.",
  }),
  enablePeerAccess: option({
    section: "Model repository",
    type: bool,
    default: true,
    effect: "none",
    why: "WebGPU knows no access from one GPU to another",
    help: "Let GPUs read each other's memory.",
  }),

  logVerbose: option({
    section: "Logging",
    type: verbosity,
    default: 0,
    help: "Verbosity of the log: 0 for none, 1 and more for ever more detail.",
  }),
  logInfo: option({ section: "Logging", type: bool, default: true, help: "Write lines of severity INFO." }),
  logWarning: option({ section: "Logging", type: bool, default: true, help: "Write lines of severity WARNING." }),
  logError: option({ section: "Logging", type: bool, default: true, help: "Write lines of severity ERROR." }),
  logFormat: option({
    section: "Logging",
    type: oneOf(["default", "ISO8601", "json"]),
    default: "default",
    help: "Form of a line: Triton's, the same with ISO 8601 times, or one JSON object.",
  }),
  logFile: option({
    section: "Logging",
    type: text,
    default: "",
    help: "File that the log is appended to; without one it goes to standard error.",
  }),

  backendConfig: option({
    section: "Backends",
    type: backendConfig,
    default: new Map() as Settings,
    help: "A setting for a backend, or without <backend> for all of them; may be repeated. onnxruntime knows " +
      "default-max-batch-size=<n>, gpu-check=on|off and cpu-runtime=auto|native|wasm.",
  }),
  backendDirectory: option({
    section: "Backends",
    type: text,
    default: "",
    effect: "none",
    why: "the backends are part of this program",
    help: "Folder of backend libraries.",
  }),
  repoagentDirectory: option({
    section: "Backends",
    type: text,
    default: "",
    effect: "none",
    why: "there are no repository agents",
    help: "Folder of repository agent libraries.",
  }),
  minSupportedComputeCapability: option({
    section: "Memory and devices",
    type: decimal,
    default: 6,
    effect: "none",
    why: "every WebGPU adapter is used",
    help: "Least CUDA compute capability of a GPU that is used.",
  }),

  strictModelConfig: option({
    section: "Deprecated",
    type: bool,
    default: false,
    help: "The opposite of completing configurations; use --disable-auto-complete-config.",
    deprecated: {
      warning: () =>
        "'--strict-model-config' has been deprecated! Please use '--disable-auto-complete-config' instead.",
      key: "disableAutoCompleteConfig",
      text: String,
    },
  }),
};
