import { BACKENDS } from "../../backends/registry.ts";
import { Status } from "../../core/status.ts";
import { type Settings, settingsOf } from "../options/settings.ts";

/**
 * Has every backend look at its part of `--backend-config`.
 *
 * @param warning gets a sentence for each setting without effect.
 * @returns what is wrong with a value.
 */
export function checkBackendSettings(settings: Settings, warning: (message: string) => void): Status | undefined {
  for (const backend of BACKENDS.values()) {
    try {
      backend.checkSettings?.(settingsOf(settings, backend.name), warning);
    } catch (thrown) {
      return Status.from(thrown);
    }
  }
}
