/** Options whose value has a form of its own: settings of backends, caches, traces, metrics, restricted APIs. */
import * as errors from "../../core/errors/options.ts";
import type { ValueType } from "./option.ts";
import { parseDecimal, parseInteger } from "./values.ts";

/** Settings by their owner (a backend, a cache, a mode), then by name. "" owns the global ones. */
export type Settings = ReadonlyMap<string, ReadonlyMap<string, string>>;

function withSetting(settings: Settings, owner: string, key: string, value: string): Settings {
  return new Map([...settings, [owner, new Map([...settings.get(owner) ?? [], [key, value]])]]);
}

/** `name=value` split at the first `=`; undefined where a side is empty or there is no `=`. */
function pair(text: string): [string, string] | undefined {
  const at = text.indexOf("=");
  return at < 1 || at === text.length - 1 ? undefined : [text.slice(0, at), text.slice(at + 1)];
}

function showSettings(settings: Settings): string {
  return [...settings].flatMap(([owner, values]) =>
    [...values].map(([key, value]) => `${owner === "" ? "" : `${owner},`}${key}=${value}`)
  ).join("\n");
}

/** `<backend>,<setting>=<value>`; without a backend the setting is for all of them. */
export const backendConfig: ValueType<Settings> = {
  placeholder: "<backend>,<setting>=<value>",
  parse(text, previous) {
    const comma = text.indexOf(",");
    const setting = pair(text.slice(comma + 1));
    if (!setting) throw comma === 0 ? errors.backendConfigWithoutBackend(text) : errors.backendConfigFormat(text);
    return withSetting(previous, text.slice(0, Math.max(comma, 0)), ...setting);
  },
  show: showSettings,
};

/** The settings of one backend, with the global ones below its own. */
export function settingsOf(settings: Settings, backend: string): ReadonlyMap<string, string> {
  return new Map([...settings.get("") ?? [], ...settings.get(backend) ?? []]);
}

/** `<cache>,<setting>=<value>`. */
export const cacheConfig: ValueType<Settings> = {
  placeholder: "<cache>,<setting>=<value>",
  parse(text, previous) {
    const comma = text.indexOf(",");
    if (comma < 1) throw errors.cacheConfigWithoutCache(text);
    const setting = pair(text.slice(comma + 1));
    if (!setting) throw errors.cacheConfigFormat(text);
    return withSetting(previous, text.slice(0, comma), ...setting);
  },
  show: (settings) => showSettings(settings).replace(/(password|user)=.*/g, "$1=…"),
};

/** `<setting>=<value>`, or `<module>,<setting>=<value>`. */
export const metricsConfig: ValueType<Settings> = {
  placeholder: "<setting>=<value>",
  parse(text, previous) {
    const equals = text.indexOf("=");
    // A value may have commas: summary_quantiles=0.5:0.05,0.9:0.01.
    const comma = text.slice(0, Math.max(equals, 0)).indexOf(",");
    const setting = pair(text.slice(comma + 1));
    if (!setting) throw errors.metricsConfigFormat(text);
    return withSetting(previous, text.slice(0, Math.max(comma, 0)), ...setting);
  },
  show: showSettings,
};

/** Trace levels, with the two names of old. */
const TRACE_LEVELS = ["OFF", "TIMESTAMPS", "TENSORS", "MIN", "MAX"];

/** `<setting>=<value>` for every mode: rate, level, count, mode; or `<mode>,<setting>=<value>`. */
export const traceConfig: ValueType<Settings> = {
  placeholder: "[<mode>,]<setting>=<value>",
  parse(text, previous) {
    const comma = text.indexOf(",");
    const equals = text.indexOf("=");
    const owner = comma > 0 && comma < equals ? text.slice(0, comma) : "";
    const setting = pair(owner === "" ? text : text.slice(comma + 1));
    if (!setting || comma === 0) throw errors.traceConfigFormat(text);
    const [key, value] = setting;
    if (owner !== "") checkTraceMode(owner);
    if (owner === "" && key === "rate" || owner === "triton" && key === "log-frequency") {
      parseInteger(value, 0, 2 ** 32 - 1);
    } else if (owner === "" && key === "count") parseInteger(value, -1, 2 ** 31 - 1);
    else if (owner === "" && key === "level") checkTraceLevel(value);
    else if (owner === "" && key === "mode") checkTraceMode(value);
    if (owner === "" && key === "level") {
      const levels = previous.get("")?.get("level");
      return withSetting(previous, "", "level", levels ? `${levels},${value}` : value);
    }
    return withSetting(previous, owner, key, value);
  },
  show: showSettings,
};

function checkTraceMode(text: string): void {
  if (text !== "triton" && text !== "opentelemetry") throw errors.traceMode(text);
}

/** @throws Status INVALID_ARGUMENT for a level that does not exist. */
function checkTraceLevel(text: string): void {
  if (!TRACE_LEVELS.includes(text.toUpperCase())) throw errors.traceLevel(text);
}

/** The value of the deprecated `--trace-level`. */
export const traceLevel: ValueType<string> = {
  placeholder: "<OFF|TIMESTAMPS|TENSORS>",
  parse(text) {
    checkTraceLevel(text);
    return text;
  },
  show: String,
};

export interface RateLimitResource {
  readonly name: string;
  readonly count: number;
  /** Undefined for every device. */
  readonly device?: number;
}

/** `<resource>:<count>[:<device>]`. */
export const rateLimitResource: ValueType<readonly RateLimitResource[]> = {
  placeholder: "<name>:<count>[:<device>]",
  parse(text, previous) {
    const parts = text.split(":");
    if (parts.length < 2 || parts.length > 3 || parts[0] === "") throw errors.rateLimitResourceFormat(text);
    const count = parseInteger(parts[1], 0, 2 ** 31 - 1);
    const device = parts.length === 3 ? parseInteger(parts[2], 0, 2 ** 31 - 1) : undefined;
    return [...previous, { name: parts[0], count, device }];
  },
  show: (resources) =>
    resources.map(({ name, count, device }) => `${name}:${count}${device === undefined ? "" : `:${device}`}`).join(
      "\n",
    ),
};

/** `<policy>,<setting>=<value>`. */
export const hostPolicy: ValueType<Settings> = {
  placeholder: "<policy>,<setting>=<value>",
  parse(text, previous) {
    const comma = text.indexOf(",");
    const setting = comma < 1 ? undefined : pair(text.slice(comma + 1));
    if (!setting) throw errors.hostPolicyFormat(text);
    return withSetting(previous, text.slice(0, comma), ...setting);
  },
  show: showSettings,
};

/** `<device>:<number>`, by device. */
export const perDevice: ValueType<ReadonlyMap<number, number>> = {
  placeholder: "<device>:<number>",
  parse(text, previous, name) {
    const colon = text.indexOf(":");
    if (colon < 1) throw errors.devicePairFormat(name, text);
    const device = parseInteger(text.slice(0, colon), 0, 2 ** 31 - 1);
    return new Map([...previous, [device, parseDecimal(text.slice(colon + 1))]]);
  },
  show: (values) => [...values].map(([device, value]) => `${device}:${value}`).join("\n"),
};

/** What can be restricted to clients that send a secret header. */
export const RESTRICTED_CATEGORIES = [
  "health",
  "metadata",
  "inference",
  "shared-memory",
  "model-config",
  "model-repository",
  "statistics",
  "trace",
  "logging",
] as const;

/** The header that a category asks for. */
export interface Restriction {
  readonly header: string;
  readonly value: string;
}

/** `<category>[,<category>…]:<header>=<value>`, by category. @param what `api` or `protocol`, as the errors call it. */
export function restricted(what: string): ValueType<ReadonlyMap<string, Restriction>> {
  return {
    placeholder: "<apis>:<key>=<value>",
    parse(text, previous, name) {
      const colon = text.indexOf(":");
      const setting = colon < 1 ? undefined : pair(text.slice(colon + 1));
      if (!setting) throw errors.restrictedFormat(name, text);
      const restrictions = new Map(previous);
      for (const category of text.slice(0, colon).split(",")) {
        if (!(RESTRICTED_CATEGORIES as readonly string[]).includes(category)) {
          throw errors.unknownRestricted(what, category, RESTRICTED_CATEGORIES);
        }
        if (restrictions.has(category)) throw errors.restrictedTwice(what, category);
        restrictions.set(category, { header: setting[0], value: setting[1] });
      }
      return restrictions;
    },
    // The value is a secret.
    show: (restrictions) => [...restrictions].map(([category, { header }]) => `${category}:${header}=…`).join("\n"),
  };
}
