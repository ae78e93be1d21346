/**
 * Keeps every processor from falling asleep, with loops of the lowest priority. A virtual processor that sleeps between
 * requests is woken through the hypervisor, which at one request at a time costs more than the request and is charged to
 * the server: with this, the servers are compared and not the machine.
 *
 * @returns ends it.
 */
export function keepAwake(): () => void {
  const loops = Array.from({ length: navigator.hardwareConcurrency }, () => {
    return new Deno.Command("nice", { args: ["-n", "19", "sh", "-c", "while :; do :; done"] }).spawn();
  });
  return () => {
    for (const loop of loops) loop.kill("SIGKILL");
  };
}
