import { openDeltas } from '../answers/follow.js';
import { endOf, type Piece } from '../answers/live-text.js';
import type { FollowedText } from '../answers/replicas.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { ParleyError } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { greatestLimit } from '../limits.js';
import type { MessageRow } from '../messages/message-row.js';
import { type AnswerText, joinChunks, type Offsets, openColumn } from '../messages/message-texts.js';
import { type Clock, pause } from '../platform/clock.js';
import type { Instant } from '../platform/instant.js';
import { type SyncState, whole } from './sync-cursor.js';
import type { Watched } from './watched.js';

/** What a follower of a conversation is told; the scope is the event's own. */
export type ConversationLiveEvent = {
  readonly scope: Scope;
  /** Where the follower stands after this event. */
  readonly state: SyncState;
} & (
  | { readonly type: 'delta'; readonly row: MessageRow; readonly piece: Piece; textSoFar(): AnswerText }
  | { readonly type: 'finished'; readonly row: MessageRow }
  | { readonly type: 'message'; readonly row: MessageRow }
  | { readonly type: 'changed'; readonly row: ConversationRow; readonly branchChanged: boolean }
  | { readonly type: 'deleted'; readonly conversationId: string }
);

export interface ConversationFollowing {
  readonly scope: Scope;
  readonly conversationId: string;
  /** Null: from now on. */
  readonly after: SyncState | null;
  readonly watched: Watched;
  readonly readHeader: () => Promise<ConversationRow | null>;
  readonly readMessage: (id: string) => Promise<MessageRow | null>;
  readonly readChanged: (seen: SyncState['seen'], upTo: number) => Promise<readonly MessageRow[]>;
  readonly take: (messageId: string) => FollowedText;
  readonly deltaCodeUnits: number;
  readonly clock: Clock;
}

interface Running {
  readonly row: MessageRow;
  readonly text: FollowedText;
  offset: Offsets;
}

const retryMs = 1000;
/** By the clock of this machine a conversation may expire before it does by the database's: then it is read again. */
const expirySlackMs = 250;

/** One follower of a conversation: state, not a log. It reads what changed since it last looked, then waits. */
export class ConversationFollower {
  private scope: Scope;
  private state: SyncState;
  private running: Running | null = null;
  private begun: boolean;
  private cancelExpiry: (() => void) | null = null;

  constructor(
    private readonly following: ConversationFollowing,
    private readonly signal: AbortSignal,
  ) {
    this.scope = following.scope;
    this.begun = following.after !== null;
    this.state = following.after ?? { seen: whole(0), running: null };
  }

  async *events(): AsyncGenerator<ConversationLiveEvent, void, undefined> {
    const { watched } = this.following;
    try {
      await watched.ready;
      if (this.begun) await this.resume();
      while (!this.signal.aborted) {
        watched.take();
        const header = await this.reading(this.following.readHeader);
        if (header === undefined) return;
        await this.refresh();
        if (header === null)
          return yield this.event({ type: 'deleted', conversationId: this.following.conversationId });
        if (this.begun) yield* this.catchUp(header);
        else yield* this.begin(header);
        watched.knows(header.revision);
        this.lookAt(header.expires_at);
        yield* this.deltas();
      }
    } finally {
      this.cancelExpiry?.();
      this.running?.text.release();
      watched.close();
    }
  }

  /** A temporary conversation goes at its time, though nobody says so then. */
  private lookAt(expiresAt: Instant | null): void {
    const { clock, watched, conversationId } = this.following;
    this.cancelExpiry?.();
    if (expiresAt === null) return;
    const leftMs = Math.max(0, Date.parse(expiresAt) - clock.now()) + expirySlackMs;
    this.cancelExpiry = clock.after(Math.min(leftMs, greatestLimit), () => watched.hear(conversationId));
  }

  /** The header of now, and the running answer with its text so far. */
  private async *begin(header: ConversationRow): AsyncGenerator<ConversationLiveEvent, void, undefined> {
    this.begun = true;
    this.state = { seen: whole(header.revision), running: null };
    yield this.event({ type: 'changed', row: header, branchChanged: false });
    const { active_answer_id: activeId } = header;
    if (activeId === null) return;
    const row = await this.reading(() => this.following.readMessage(activeId));
    // One that has ended meanwhile has another revision, and comes by that.
    if (row?.status === 'STREAMING') yield* this.message(row, this.state.seen);
  }

  /** The answer that ran at the cursor goes on where it was left, if it still runs. */
  private async resume(): Promise<void> {
    const { running } = this.state;
    if (!running) return;
    const row = await this.reading(() => this.following.readMessage(running.messageId));
    if (row?.status === 'STREAMING') this.follow(row, running.offsets);
  }

  private async *catchUp(header: ConversationRow): AsyncGenerator<ConversationLiveEvent, void, undefined> {
    const since = this.state.seen.revision;
    const isBehind = header.revision > since || this.state.seen.position !== whole(0).position;
    if (!isBehind) return;
    for (;;) {
      const rows = await this.reading(() => this.following.readChanged(this.state.seen, header.revision));
      if (rows === undefined) return;
      await this.refresh();
      for (const row of rows) yield* this.message(row, { revision: row.revision, position: row.position });
      if (rows.length === 0) break;
    }
    this.advance(whole(header.revision));
    yield this.event({ type: 'changed', row: header, branchChanged: header.branch_revision > since });
  }

  /** A message as it is now: the end of the answer that was followed, or a change. What cannot be opened is passed over. */
  private async *message(
    row: MessageRow,
    seen: SyncState['seen'],
  ): AsyncGenerator<ConversationLiveEvent, void, undefined> {
    const text = this.open(row);
    const { running } = this.state;
    if (row.status !== 'STREAMING' && running?.messageId === row.id) {
      if (text) {
        for (const delta of openDeltas(text, running.offsets, this.following.deltaCodeUnits)) {
          this.state = { ...this.state, running: { messageId: row.id, offsets: endOf(delta.piece) } };
          yield this.event({ type: 'delta', row, ...delta });
        }
      }
      this.leaveRunning();
      this.advance(seen);
      if (text) yield this.event({ type: 'finished', row });
      return;
    }
    this.advance(seen);
    if (!text) return;
    if (row.status === 'STREAMING' && running?.messageId !== row.id) {
      this.follow(row, { content: text.content.length, reasoning: text.reasoning.length });
    }
    yield this.event({ type: 'message', row });
  }

  /** Deltas of the running answer, until something else changed. */
  private async *deltas(): AsyncGenerator<ConversationLiveEvent, void, undefined> {
    const { watched, deltaCodeUnits } = this.following;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.signal, stop.signal]);
    const changed = watched.changed(signal).then(() => stop.abort());
    try {
      while (this.running && !signal.aborted) {
        const { running } = this;
        const { live } = running.text;
        const piece = live.read(running.offset, deltaCodeUnits);
        if (!piece) {
          if (live.ended) break;
          await live.grown(running.offset, signal);
          continue;
        }
        await this.refresh();
        const end = endOf(piece);
        running.offset = end;
        this.state = { ...this.state, running: { messageId: running.row.id, offsets: end } };
        yield this.event({ type: 'delta', row: running.row, piece, textSoFar: () => live.upTo(end) });
      }
      // An answer that ended is read at once; with none, or until then, the next change is waited for.
      if (this.running?.text.live.ended) this.dropText();
      else await changed;
    } finally {
      stop.abort();
      await changed;
    }
  }

  /** Begins to follow a running answer from an offset. */
  private follow(row: MessageRow, offset: Offsets): void {
    this.running?.text.release();
    this.running = { row, text: this.following.take(row.id), offset };
    this.state = { ...this.state, running: { messageId: row.id, offsets: offset } };
  }

  /** Its text has ended; how it ended comes with its new revision. */
  private dropText(): void {
    this.running?.text.release();
    this.running = null;
  }

  private leaveRunning(): void {
    this.dropText();
    this.state = { ...this.state, running: null };
  }

  private advance(seen: SyncState['seen']): void {
    this.state = { ...this.state, seen };
  }

  private open(row: MessageRow): AnswerText | null {
    try {
      if (row.status === 'STREAMING') return joinChunks(this.scope.keys, row.id, row.chunks ?? []);
      const { scope } = this;
      return { content: openColumn(scope, row, 'content') ?? '', reasoning: openColumn(scope, row, 'reasoning') ?? '' };
    } catch (error) {
      if (error instanceof ParleyError && error.code === 'DATA_INTEGRITY') return null;
      throw error;
    }
  }

  private event<E extends object>(event: E): E & { readonly scope: Scope; readonly state: SyncState } {
    return { ...event, scope: this.scope, state: this.state };
  }

  /** Tries a read until the database answers; undefined where the follower left meanwhile. */
  private async reading<T>(read: () => Promise<T>): Promise<T | undefined> {
    while (!this.signal.aborted) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof ParleyError && error.code === 'UNAVAILABLE')) throw error;
      }
      await pause(this.following.clock, retryMs, this.signal);
    }
    return undefined;
  }

  private async refresh(): Promise<void> {
    this.scope = await this.scope.forNextEvent();
  }
}
