/**
 * Reads that are asked for together arrive together. Each level of an operation is then one wave of statements: what its
 * results ask for next is gathered whole, so that the number of statements does not depend on which of them was faster.
 */
export class Waves {
  private current: { running: number; readonly ended: Promise<void>; readonly end: () => void } | null = null;

  /** Runs `read` at once; gives its outcome when every read of the same wave has one. */
  async join<T>(read: () => Promise<T>): Promise<T> {
    this.current ??= begin();
    const wave = this.current;
    wave.running += 1;
    try {
      return await read();
    } finally {
      wave.running -= 1;
      if (wave.running === 0) {
        this.current = null;
        wave.end();
      }
      await wave.ended;
    }
  }
}

/** For `scope.of`: the waves of one operation, or of one live event. */
export const makeWaves = (): Waves => new Waves();

function begin() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { running: 0, ended: promise, end: resolve };
}
