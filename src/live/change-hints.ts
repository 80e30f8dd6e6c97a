import type { Clock } from '../platform/clock.js';
import type { PubSub } from '../platform/pubsub.js';

/** One channel for everything of a person's: followers of a conversation and of the list hear the same hints. */
export const ownerChannel = (ownerId: string) => `parley:owner:${ownerId}`;

/** What is said of a conversation: it changed, or one is gone that no list has shown. */
export interface ChangeHint {
  readonly conversationId: string;
  readonly neverListed: boolean;
}

export const encodeHint = ({ conversationId, neverListed }: ChangeHint): string =>
  JSON.stringify({ conversation: conversationId, ...(neverListed && { neverListed }) });

/** Null for anything that is not one of ours. */
export function decodeHint(text: string): ChangeHint | null {
  const hint = parse(text);
  if (typeof hint !== 'object' || hint === null || !('conversation' in hint)) return null;
  if (typeof hint.conversation !== 'string') return null;
  return { conversationId: hint.conversation, neverListed: 'neverListed' in hint && hint.neverListed === true };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What could not be said is said again so soon. */
const retryMs = 500;
/** By then every instance has asked PostgreSQL. */
const owedMs = 10_000;
/** More than that are not kept: whoever follows them is told later. */
const mostOwed = 10_000;

interface Hint {
  readonly channel: string;
  readonly text: string;
  readonly saidMs: number;
}

/**
 * Says on every instance that a conversation changed, after the commit. What changed is read from PostgreSQL, so a hint
 * that is lost costs time and nothing else. One that Redis did not take is owed: followers elsewhere may have their
 * connection again before this instance has its own, and then ask PostgreSQL only now and then.
 */
export class ChangeHints {
  private readonly owed = new Map<string, Hint>();
  private cancelRetry: (() => void) | null = null;
  private closed = false;

  constructor(
    private readonly pubsub: PubSub,
    private readonly clock: Clock,
  ) {}

  /** Never throws. */
  readonly say = (ownerId: string, conversationId: string, neverListed = false): void => {
    this.publish({
      channel: ownerChannel(ownerId),
      text: encodeHint({ conversationId, neverListed }),
      saidMs: this.clock.monotonic(),
    });
  };

  close(): void {
    this.closed = true;
    this.cancelRetry?.();
    this.owed.clear();
  }

  private publish(hint: Hint): void {
    this.pubsub.publish(hint.channel, hint.text).catch(() => this.owe(hint));
  }

  private owe(hint: Hint): void {
    if (this.closed || this.owed.size >= mostOwed) return;
    this.owed.set(hint.channel + hint.text, hint);
    this.cancelRetry ??= this.clock.after(retryMs, () => this.retry());
  }

  private retry(): void {
    this.cancelRetry = null;
    const hints = [...this.owed.values()];
    this.owed.clear();
    const sinceMs = this.clock.monotonic() - owedMs;
    const send = this.pubsub.connected ? this.publish : this.owe;
    for (const hint of hints) if (hint.saidMs >= sinceMs) send.call(this, hint);
  }
}
