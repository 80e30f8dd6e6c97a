/** Beyond this many changed conversations a follower of the list is told to read the list again. */
const mostPending = 200;

/** One follower's view of what changed: it is woken, takes what is pending, and waits again. No queue: a set of ids. */
export class Watched {
  private readonly pending = new Set<string>();
  /** Heard of since the last look, and nothing that a list tells of. */
  private readonly overlooked = new Set<string>();
  private overflown = false;
  private knownRevision: number | null = null;
  private wake: (() => void) | null = null;

  constructor(
    readonly ownerId: string,
    /** Null: the list. */
    readonly conversationId: string | null,
    /** Settles when hints can be heard, or when waiting for that has taken too long. */
    readonly ready: Promise<void>,
    private readonly onClose: () => void,
  ) {}

  hear(conversationId: string): void {
    if (this.conversationId !== null && this.conversationId !== conversationId) return;
    if (this.pending.size >= mostPending) this.overflown = true;
    else this.pending.add(conversationId);
    this.wake?.();
  }

  /** Gone, and it was in no list: what was heard of it before is forgotten too. */
  overlook(conversationId: string): void {
    this.pending.delete(conversationId);
    if (this.overlooked.size < mostPending) this.overlooked.add(conversationId);
  }

  isOverlooked(conversationId: string): boolean {
    return this.overlooked.has(conversationId);
  }

  /** What the database says now; null: not there. */
  compare(revision: number | null): void {
    if (this.conversationId !== null && revision !== this.knownRevision) this.hear(this.conversationId);
  }

  /** What its follower has delivered. */
  knows(revision: number): void {
    this.knownRevision = revision;
  }

  /** Takes what changed; null where too much did. */
  take(): readonly string[] | null {
    const ids = this.overflown ? null : [...this.pending];
    this.pending.clear();
    this.overlooked.clear();
    this.overflown = false;
    return ids;
  }

  /** Resolves when something changed, or when `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    if (this.pending.size > 0 || this.overflown || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.wake = null;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  close(): void {
    this.onClose();
  }
}
