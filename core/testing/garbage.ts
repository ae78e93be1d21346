import v8 from "node:v8";
import vm from "node:vm";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

/** True if nothing holds an object any more, once all that is on its way has been handled. */
export async function isCollected(object: WeakRef<object>): Promise<boolean> {
  for (let attempt = 0; attempt < 10; attempt++) {
    // what is referred to weakly lives until the end of the turn at least
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
    if (object.deref() === undefined) return true;
  }
  return false;
}
