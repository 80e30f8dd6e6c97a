/** How many events are made in one turn of the event loop: some milliseconds' worth. */
const eventsPerTurn = 16;

/**
 * Lets the event loop go round while there is a crowd of events to make: a token for a thousand followers must not hold
 * up the request, or the token, of somebody else.
 */
export class FairTurns {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  /** Resolves when there is room for another event, nearly always at once; those that wait come in their order. */
  async take(): Promise<void> {
    if (this.taken === 0) setImmediate(() => this.turn());
    if (this.taken < eventsPerTurn) this.taken += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private turn(): void {
    const next = this.waiting.splice(0, eventsPerTurn);
    this.taken = next.length;
    if (next.length > 0) setImmediate(() => this.turn());
    for (const resolve of next) resolve();
  }
}
