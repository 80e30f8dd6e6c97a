/**
 * Whether `error` is one of Node's or the system's with one of these codes, e.g. `ENOENT`. Not asked with `instanceof`:
 * where code runs in a realm of its own, as tests do, Node's errors come from another.
 */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}
