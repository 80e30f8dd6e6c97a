import { setTimeout as wait } from 'node:timers/promises';

/** Resolves with the first value of `probe` that is neither null, undefined nor false; rejects after `timeoutMs`. */
export async function until<T>(
  what: string,
  probe: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAtMs) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}.`);
    await wait(10);
  }
}
