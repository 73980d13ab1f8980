/**
 * Keeps the hyper-threads of one core to one sandbox at a time. What shares a core shares its caches and buffers, through
 * which one function could learn of another's secrets. The kernel runs threads side by side on a core only if they have
 * the same cookie; each sandbox has one of its own, which its processes inherit.
 * https://docs.kernel.org/admin-guide/hw-vuln/core-scheduling.html
 */
import { coreCookieOf, createCoreCookie, SystemCallError } from "./libc.ts";

/** False where the kernel was built without it (CONFIG_SCHED_CORE), or where cores have one thread each. */
export function offersCoreScheduling(): boolean {
  try {
    coreCookieOf(process.pid);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && ["EINVAL", "ENODEV"].includes(error.code)) return false;
    throw error;
  }
}

/** From now on no other process than this one's descendants runs beside it on a core. */
export function separateCores(pid: number): void {
  try {
    createCoreCookie(pid);
  } catch (error) {
    // It has ended, which whoever waits for it will see.
    if (!(error instanceof SystemCallError) || error.code !== "ESRCH") throw error;
  }
}
