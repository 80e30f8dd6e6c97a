/** npm hands a Ctrl-C on to a program that the terminal has told already: what follows so soon is the same one. */
const sameMs = 300;

/** What Ctrl-C does: the first one what it is told, if anything; the next one ends the command at once. */
export class Interrupts {
  private lastMs = Number.NEGATIVE_INFINITY;
  private action: (() => void) | null = null;

  constructor(private readonly host: NodeJS.Process) {
    host.on('SIGINT', () => this.heard());
  }

  /** During `work` the first Ctrl-C calls `action`. */
  async during<Result>(action: () => void, work: () => Promise<Result>): Promise<Result> {
    this.action = action;
    try {
      return await work();
    } finally {
      this.action = null;
    }
  }

  private heard(): void {
    const nowMs = performance.now();
    if (nowMs - this.lastMs < sameMs) return;
    this.lastMs = nowMs;
    const { action } = this;
    this.action = null;
    if (action) action();
    else this.host.exit(interruptedCode);
  }
}

/** As shells have it: 128 and the number of SIGINT. */
export const interruptedCode = 130;
