const quietMs = 10_000;

/** Tells the first of what comes in rows, and once in 10 s after it: while something is away, work on it fails every second. */
export function seldom(tell: (error: unknown) => void): (error: unknown) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (performance.now() - toldMs < quietMs) return;
    toldMs = performance.now();
    tell(error);
  };
}
