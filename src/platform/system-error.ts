import { types } from 'node:util';

/**
 * Whether it is an error, of whatever realm: where code runs in a realm of its own, as tests do, the errors of Node and
 * of the system come from another, and `instanceof` denies them.
 */
export function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

/** Whether `error` is one of Node's or the system's with one of these codes, e.g. `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}
