/**
 * How much slower one function's calls are while another is busy, measured so that a slow machine is not taken for a slow
 * neighbour: quiet and loaded seconds take turns, and the median of the rounds counts, since one pause of the machine
 * spoils one round. Where the rounds do not agree with the promise, there are more of them.
 */
const factorMax = 2;
const roundsMin = 3;
const roundsMax = 9;
const roundMs = 1000;

/**
 * Below this a p99 says nothing of Hearth, in ms: two time slices of the kernel's scheduler and a young collection of the
 * front and of this process are in it, on a machine that runs nothing else.
 */
const p99MsFloor = 5;

export interface Interference {
  readonly holds: boolean;
  /** For people. */
  readonly said: string;
}

/**
 * `call` is one call of the function that is not to be slowed. `load` is under way when it resolves, for as long as it
 * is told, and `over` when it ended.
 */
export async function interference(
  call: () => Promise<unknown>,
  load: (durationMs: number) => Promise<{ readonly over: Promise<unknown> }>,
): Promise<Interference> {
  const quiet: number[] = [];
  const loaded: number[] = [];
  const holds = (): boolean => median(loaded) <= factorMax * Math.max(median(quiet), p99MsFloor);
  await quietP99Ms(call); // compiled by now, here and there
  for (let round = 1; round <= roundsMax && (round <= roundsMin || !holds()); round++) {
    quiet.push(await quietP99Ms(call));
    const { over } = await load(roundMs);
    loaded.push(await p99MsUntil(call, over));
  }
  const said = `${median(quiet).toFixed(2)} ms alone, ${median(loaded).toFixed(2)} ms beside it, in ${quiet.length} rounds`;
  return { holds: holds(), said };
}

function quietP99Ms(call: () => Promise<unknown>): Promise<number> {
  const end = performance.now() + roundMs;
  return p99Ms(call, () => performance.now() < end);
}

async function p99MsUntil(call: () => Promise<unknown>, over: Promise<unknown>): Promise<number> {
  let isOver = false;
  const ended = over.finally(() => (isOver = true));
  const [value] = await Promise.all([p99Ms(call, () => !isOver), ended]);
  return value;
}

/** Of one caller's calls, so that none waits for another, while `isOn`. */
async function p99Ms(call: () => Promise<unknown>, isOn: () => boolean): Promise<number> {
  const durationsMs: number[] = [];
  while (isOn()) {
    const begin = performance.now();
    await call();
    durationsMs.push(performance.now() - begin);
  }
  return durationsMs.toSorted((a, b) => a - b)[Math.floor(durationsMs.length * 0.99)] ?? 0;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
