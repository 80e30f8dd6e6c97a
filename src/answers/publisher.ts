import type { Keyring } from '../identity/keyring.js';
import type { Offsets } from '../messages/message-texts.js';
import type { Log } from '../platform/log.js';
import type { PubSub } from '../platform/pubsub.js';
import { channelOf, encodeDelta, encodeMessage } from './channel.js';
import { endOf, type LiveText, type Piece } from './live-text.js';

export interface PublisherDeps {
  readonly pubsub: Pick<PubSub, 'publish'>;
  readonly keyring: Pick<Keyring, 'of'>;
  readonly log: Log;
  readonly deltaCodeUnits: number;
}

/**
 * Tells other instances of a run's text. It is silent but for its heartbeat until a replica asks, and again when nobody
 * but the writer hears it. While one publish is in flight, later tokens and asks gather into the next.
 */
export class Publisher {
  private readonly channel: string;
  private listening = false;
  private publishing = false;
  /** Nothing gets through: to seal the same text again at every token would cost more than the answer itself. */
  private failed = false;
  private next: Offsets;
  /** Somebody asked since the last publish began. */
  private askedAgain = false;

  constructor(
    private readonly ownerId: string,
    private readonly messageId: string,
    private readonly live: LiveText,
    private readonly deps: PublisherDeps,
  ) {
    this.channel = channelOf(messageId);
    this.next = live.end;
  }

  /** A replica wants what follows `from`. */
  asked(from: Offsets): void {
    this.next = this.listening
      ? {
          content: Math.min(this.next.content, from.content),
          reasoning: Math.min(this.next.reasoning, from.reasoning),
        }
      : from;
    this.listening = true;
    this.askedAgain = true;
    this.failed = false;
    this.grown();
  }

  /** The text grew. */
  grown(): void {
    if (this.publishing || this.failed || !this.listening) return;
    this.publishAll().catch((error: unknown) => {
      this.deps.log.debug({ error }, 'publishing a delta failed, tried again with the heartbeat');
    });
  }

  /**
   * The heartbeat: the writer lives, and its text ends here. A writer whose delivery is held does not know that, and is
   * silent: whoever follows it reads the database, where the answer may be final already.
   */
  alive(): void {
    if (!this.live.held) this.send(encodeMessage({ type: 'alive', ...this.live.shown }));
    // What a failed publish left behind goes out now.
    this.failed = false;
    this.grown();
  }

  settled(): void {
    this.send(encodeMessage({ type: 'settled' }));
  }

  private async publishAll(): Promise<void> {
    this.publishing = true;
    try {
      for (let piece = this.nextPiece(); piece; piece = this.nextPiece()) await this.publish(piece);
    } catch (error) {
      this.failed = true;
      throw error;
    } finally {
      // In the same turn as the last look at the text: what grows later finds nobody publishing.
      this.publishing = false;
    }
  }

  private nextPiece(): Piece | null {
    return this.listening ? this.live.read(this.next, this.deps.deltaCodeUnits) : null;
  }

  private async publish(piece: Piece): Promise<void> {
    this.askedAgain = false;
    const keys = await this.deps.keyring.of(this.ownerId);
    const heardBy = await this.deps.pubsub.publish(this.channel, encodeDelta(keys, this.messageId, piece));
    // Who asked meanwhile may not have heard it.
    if (this.askedAgain) return;
    this.next = endOf(piece);
    if (heardBy <= 1) this.listening = false;
  }

  private send(message: string): void {
    this.deps.pubsub.publish(this.channel, message).catch(() => {
      // A replica that hears nothing reads the database.
    });
  }
}
