import type { Keyring } from '../identity/keyring.js';
import { findMessage } from '../messages/message.repository.js';
import { joinChunksFrom } from '../messages/message-texts.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import type { Log } from '../platform/log.js';
import type { PubSub, Subscription } from '../platform/pubsub.js';
import { findProgress } from './answer.repository.js';
import { type ChannelMessage, channelOf, decodeMessage, encodeMessage, openDelta } from './channel.js';
import { isBehind, LiveText, type Piece } from './live-text.js';

/** So long with nothing new, and without hearing that there is nothing, and PostgreSQL is read. */
const silenceMs = 1000;

export interface ReplicaDeps {
  readonly database: Database;
  readonly pubsub: PubSub;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  /** Tries to settle answers whose writer is lost; never waits for anybody else who does. */
  readonly sweep: () => Promise<void>;
}

/**
 * What an instance keeps of an answer that runs elsewhere: subscribe, read, ask, merge. Whatever is lost, doubled or
 * reordered on the way, the text is made whole by offsets; the end is what PostgreSQL says.
 */
export class Replica {
  readonly live = new LiveText();
  private subscription: Subscription | null = null;
  private cancelWatch: (() => void) | null = null;
  private aside: Piece | null = null;
  private reading: Promise<void> | null = null;
  private readAgain = false;
  private closed = false;

  constructor(
    private readonly ownerId: string,
    private readonly messageId: string,
    private readonly deps: ReplicaDeps,
  ) {}

  /** Never rejects: without Redis, or for a while without PostgreSQL, it is slower. */
  async open(): Promise<void> {
    this.subscription = this.deps.pubsub.subscribe(channelOf(this.messageId), {
      message: (text) => this.hear(text),
      renewed: () => this.ask(),
    });
    this.watch();
    await this.subscription.ready;
    await this.read();
    this.ask();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelWatch?.();
    await this.subscription?.unsubscribe();
  }

  private watch(): void {
    this.cancelWatch?.();
    if (this.closed || this.live.ended) return;
    this.cancelWatch = this.deps.clock.after(silenceMs, () => {
      this.watch();
      this.read().then(() => this.ask());
    });
  }

  private hear(text: string): void {
    const message = decodeMessage(text);
    if (!message || message.type === 'ask' || message.type === 'cancel' || this.live.ended) return;
    if (message.type === 'settled') this.read();
    else if (message.type === 'alive') this.compare(message);
    else this.merge(message).catch((error: unknown) => this.report(error));
  }

  /**
   * Asks where the writer is further than we are. That alone is no reason to be patient: a writer that speaks may still
   * hear no ask.
   */
  private compare(alive: Extract<ChannelMessage, { type: 'alive' }>): void {
    if (isBehind(this.live.end, alive)) this.ask();
    else this.watch();
  }

  private async merge(message: Extract<ChannelMessage, { type: 'delta' }>): Promise<void> {
    const keys = await this.deps.keyring.of(this.ownerId);
    const piece = openDelta(keys, this.messageId, message);
    if (!this.live.merge(piece)) {
      this.aside = piece;
      this.ask();
      return;
    }
    this.watch();
    if (this.aside && this.live.merge(this.aside)) this.aside = null;
  }

  private ask(): void {
    if (this.closed || this.live.ended) return;
    this.deps.pubsub.publish(channelOf(this.messageId), encodeMessage({ type: 'ask', ...this.live.end })).catch(() => {
      // Away: the watchdog reads the database meanwhile.
    });
  }

  /** One read at a time; a wish for another while one is under way is fulfilled after it. */
  private read(): Promise<void> {
    if (this.reading) {
      this.readAgain = true;
      return this.reading;
    }
    this.reading = this.readUntilCurrent().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  private async readUntilCurrent(): Promise<void> {
    do {
      this.readAgain = false;
      await this.readOnce().catch((error: unknown) => this.report(error));
    } while (this.readAgain && !this.closed);
  }

  private async readOnce(): Promise<void> {
    const { database, keyring } = this.deps;
    const { end } = this.live;
    const progress = await findProgress(database, this.ownerId, this.messageId, end);
    if (progress?.status === 'STREAMING') {
      const keys = await keyring.of(this.ownerId);
      const piece = joinChunksFrom(keys, this.messageId, progress.chunks);
      if (piece) this.live.merge(piece);
      // Not waited for: others' lost answers are among those that it settles.
      if (progress.expired) this.deps.sweep().catch((error: unknown) => this.report(error));
      return;
    }
    this.live.finish(progress ? await findMessage(database, this.ownerId, this.messageId) : null);
    this.cancelWatch?.();
  }

  private report(error: unknown): void {
    this.deps.log.debug({ error }, 'following an answer failed for now');
  }
}
