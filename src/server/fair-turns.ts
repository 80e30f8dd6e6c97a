/** How many events are made in one turn of the event loop: some milliseconds' worth. */
const eventsPerTurn = 16;

/**
 * Lets the event loop go round while there is a crowd of events to make, and owners take turns: a token for a thousand
 * followers must not hold up the request, or the token, of somebody else.
 */
export class FairTurns {
  private taken = 0;
  /** By owner; whose turn is next comes first. */
  private readonly waiting = new Map<string, (() => void)[]>();

  /** Resolves when there is room for another event of this owner, nearly always at once. */
  async take(owner: string): Promise<void> {
    if (this.taken === 0) setImmediate(() => this.turn());
    if (this.taken < eventsPerTurn) {
      this.taken += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      const line = this.waiting.get(owner);
      if (line) line.push(resolve);
      else this.waiting.set(owner, [resolve]);
    });
  }

  private turn(): void {
    this.taken = 0;
    for (let next = this.next(); next; next = this.next()) {
      if (this.taken === 0) setImmediate(() => this.turn());
      this.taken += 1;
      next();
    }
  }

  private next(): (() => void) | null {
    const [first] = this.waiting;
    if (!first || this.taken === eventsPerTurn) return null;
    const [owner, line] = first;
    const next = line.shift() ?? null;
    this.waiting.delete(owner);
    if (line.length > 0) this.waiting.set(owner, line);
    return next;
  }
}
