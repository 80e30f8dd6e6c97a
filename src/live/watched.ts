/** Beyond this many changed conversations a follower of the list is told to read the list again. */
const mostPending = 200;

/** What a {@link Watched} is made with. */
export interface Watching {
  readonly ownerId: string;
  /** Settles when hints can be heard, or when waiting for that has taken too long. */
  readonly ready: Promise<void>;
  readonly onClose: () => void;
}

/** One follower's view of what changed: it is woken, takes what is pending, and waits again. No queue: a set of ids. */
export class Watched {
  private readonly pending = new Set<string>();
  private overflown = false;
  private wake: (() => void) | null = null;

  constructor(private readonly watching: Watching) {}

  get ownerId(): string {
    return this.watching.ownerId;
  }

  get ready(): Promise<void> {
    return this.watching.ready;
  }

  hear(conversationId: string): void {
    if (this.pending.size >= mostPending && !this.pending.has(conversationId)) this.overflown = true;
    else this.pending.add(conversationId);
    this.wake?.();
  }

  /** More changed than can be said. */
  overflow(): void {
    this.overflown = true;
    this.wake?.();
  }

  /** Takes what changed; null where too much did. */
  take(): readonly string[] | null {
    const ids = this.overflown ? null : [...this.pending];
    this.pending.clear();
    this.overflown = false;
    return ids;
  }

  /** Resolves when something changed, or when `signal` is aborted. One waits at a time. */
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
    this.watching.onClose();
  }

  protected forget(conversationId: string): void {
    this.pending.delete(conversationId);
  }
}

/** A follower of one conversation. */
export class WatchedConversation extends Watched {
  private delivered: number | null = null;

  constructor(
    watching: Watching,
    readonly conversationId: string,
  ) {
    super(watching);
  }

  override hear(conversationId: string): void {
    if (conversationId === this.conversationId) super.hear(conversationId);
  }

  /** What its follower has delivered. */
  knows(revision: number): void {
    this.delivered = revision;
  }

  /** What the database says now; null: not there. */
  compare(revision: number | null): void {
    if (revision !== this.delivered) this.hear(this.conversationId);
  }
}

/** A follower of the list. */
export class WatchedList extends Watched {
  /** What its follower has told since the database was last compared; null: that it is not there. */
  private readonly told = new Map<string, number | null>();
  /** Heard of since the last look, and nothing that a list tells of. */
  private readonly overlooked = new Set<string>();

  /** Gone, and it was in no list: what was heard of it before is forgotten too. */
  overlook(conversationId: string): void {
    this.forget(conversationId);
    if (this.overlooked.size < mostPending) this.overlooked.add(conversationId);
  }

  isOverlooked(conversationId: string): boolean {
    return this.overlooked.has(conversationId);
  }

  override take(): readonly string[] | null {
    this.overlooked.clear();
    return super.take();
  }

  tell(conversationId: string, revision: number | null): void {
    this.told.set(conversationId, revision);
  }

  /** What the database says of a conversation that changed since it was last compared. */
  compare(conversationId: string, revision: number | null): void {
    const told = this.told.get(conversationId);
    const isKnown = revision === null ? told === null : told !== undefined && told !== null && told >= revision;
    if (!isKnown) this.hear(conversationId);
  }

  /**
   * All was compared with what is listed now; null where that is not known. What was told of and is not listed may have come
   * and gone since the last time: it is looked at. What was told of later than that is told once more, at the next time.
   */
  compared(listed: ReadonlyMap<string, number> | null): void {
    for (const [id, revision] of this.told) if (revision !== null && !listed?.has(id)) this.hear(id);
    this.told.clear();
  }
}
