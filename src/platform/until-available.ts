import { isParleyError } from '../errors.js';
import { type Clock, pause } from './clock.js';

const retryMs = 1000;

/** Tries a read until the database answers; undefined where `signal` is aborted before. */
export async function untilAvailable<T>(
  read: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await read();
    } catch (error) {
      if (!isParleyError(error, 'UNAVAILABLE')) throw error;
    }
    await pause(clock, retryMs, signal);
  }
  return undefined;
}
