import { openDeltas } from '../answers/follow.js';
import { endOf, isBehind, type Piece } from '../answers/live-text.js';
import type { FollowedText } from '../answers/replicas.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { isParleyError } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { greatestLimit } from '../limits.js';
import type { MessageRow } from '../messages/message-row.js';
import { type AnswerText, joinChunks, type Offsets, openColumn } from '../messages/message-texts.js';
import type { Clock } from '../platform/clock.js';
import type { Instant } from '../platform/instant.js';
import { untilAvailable } from '../platform/until-available.js';
import { allOf, justBefore, type SyncState, whole } from './sync-cursor.js';
import type { WatchedConversation } from './watched.js';

/** What a follower of a conversation is told; the scope is the event's own. */
export type ConversationLiveEvent = {
  readonly scope: Scope;
  /** Where the follower stands after this event. */
  readonly state: SyncState;
} & ConversationNews;

type ConversationNews =
  | { readonly type: 'delta'; readonly row: MessageRow; readonly piece: Piece; textSoFar(): AnswerText }
  | { readonly type: 'finished'; readonly row: MessageRow }
  /** `text`: of a running answer, where the follower has more of it than is durable. */
  | { readonly type: 'message'; readonly row: MessageRow; readonly text: AnswerText | null }
  | { readonly type: 'changed'; readonly row: ConversationRow; readonly branchChanged: boolean }
  | { readonly type: 'deleted'; readonly conversationId: string };

type Events = AsyncGenerator<ConversationLiveEvent, void, undefined>;

export interface ConversationFollowing {
  readonly scope: Scope;
  readonly conversationId: string;
  /** Null: from now on. */
  readonly after: SyncState | null;
  readonly watch: () => WatchedConversation;
  readonly readHeader: () => Promise<ConversationRow | null>;
  readonly readMessage: (id: string) => Promise<MessageRow | null>;
  /** A page of them; a shorter one is the last. */
  readonly readChanged: (seen: SyncState['seen'], upTo: number) => Promise<readonly MessageRow[]>;
  readonly pageSize: number;
  readonly take: (messageId: string) => FollowedText;
  readonly deltaCodeUnits: number;
  readonly clock: Clock;
}

interface Running {
  readonly row: MessageRow;
  readonly text: FollowedText;
  offset: Offsets;
}

/** By the clock of this machine a conversation may expire before it does by the database's: then it is read again. */
const expirySlackMs = 250;

const beforeAll: SyncState = allOf(0);
/** Of any branch it is news that it is visible. */
const beforeAnyHeader = -1;

/** One follower of a conversation: state, not a log. It reads what changed since it last looked, then waits. */
export class ConversationFollower {
  private scope: Scope;
  private state: SyncState;
  /** The answer whose text grows. */
  private running: Running | null = null;
  /** Its text: kept until its end was told, which a stop waits for. */
  private text: FollowedText | null = null;
  private begun: boolean;
  private cancelExpiry: (() => void) | null = null;

  constructor(
    private readonly following: ConversationFollowing,
    private readonly signal: AbortSignal,
  ) {
    this.scope = following.scope;
    this.begun = following.after !== null;
    this.state = following.after ?? beforeAll;
  }

  async *events(): Events {
    // Opened here and not before: one that is never asked for an event would never close it.
    const watched = this.following.watch();
    try {
      await watched.ready;
      if (this.begun) await this.resume();
      while (!this.signal.aborted) {
        watched.take();
        const header = await this.reading(this.following.readHeader);
        if (header === undefined) return;
        if (header === null) {
          yield await this.event({ type: 'deleted', conversationId: this.following.conversationId });
          return;
        }
        if (this.begun) yield* this.catchUp(header);
        else yield* this.begin(header);
        watched.knows(header.revision);
        this.lookAt(header.expires_at, watched);
        yield* this.deltas(watched);
      }
    } finally {
      this.cancelExpiry?.();
      this.leaveText();
      watched.close();
    }
  }

  /** A temporary conversation goes at its time, though nobody says so then. */
  private lookAt(expiresAt: Instant | null, watched: WatchedConversation): void {
    const { clock, conversationId } = this.following;
    this.cancelExpiry?.();
    if (expiresAt === null) return;
    const leftMs = Math.max(0, Date.parse(expiresAt) - clock.now()) + expirySlackMs;
    this.cancelExpiry = clock.after(Math.min(leftMs, greatestLimit), () => watched.hear(conversationId));
  }

  /** The header of now, and the running answer with its text so far. */
  private async *begin(header: ConversationRow): Events {
    this.begun = true;
    const { revision, active_answer_id: activeId } = header;
    const active = activeId === null ? null : await this.reading(() => this.following.readMessage(activeId));
    // One that changed or ended meanwhile has a later revision, and comes by that.
    const row = active?.status === 'STREAMING' && active.revision <= revision ? active : null;
    // Whoever is cut before the answer came goes on just before it.
    this.state = row ? { ...allOf(revision), seen: justBefore(row) } : allOf(revision);
    yield await this.event({ type: 'changed', row: header, branchChanged: false });
    if (row) yield* this.message(row, whole(revision));
  }

  /** The answer that ran at the cursor goes on where it was left, if it still runs. */
  private async resume(): Promise<void> {
    const { running } = this.state;
    if (!running) return;
    const row = await this.reading(() => this.following.readMessage(running.messageId));
    if (row?.status === 'STREAMING') this.follow(row, running.offsets);
  }

  private async *catchUp(header: ConversationRow): Events {
    // PostgreSQL has lost what it had committed, as in a failover: what is left is told anew, all of it.
    const { running } = this.state;
    if (header.revision < this.state.seen.revision) this.state = { ...beforeAll, header: beforeAnyHeader, running };
    const { seen, header: since } = this.state;
    if (header.revision === seen.revision && seen.position === whole(0).position) return;
    for (let isLast = false; !isLast; ) {
      const rows = await this.reading(() => this.following.readChanged(this.state.seen, header.revision));
      if (rows === undefined) return;
      for (const row of rows) yield* this.message(row, { revision: row.revision, position: row.position });
      isLast = rows.length < this.following.pageSize;
    }
    this.state = allOf(header.revision, this.state.running);
    yield await this.event({ type: 'changed', row: header, branchChanged: header.branch_revision > since });
  }

  /** A message as it is now: the end of the answer that was followed, or a change. */
  private async *message(row: MessageRow, seen: SyncState['seen']): Events {
    if (row.status === 'STREAMING') yield* this.streaming(row, seen);
    else if (this.state.running?.messageId === row.id) yield* this.finishing(row, seen);
    else {
      this.advance(seen);
      if (this.open(row)) yield await this.event({ type: 'message', row, text: null });
    }
  }

  /** An answer that begins, or changed while it runs; from then on its deltas follow. */
  private async *streaming(row: MessageRow, seen: SyncState['seen']): Events {
    const { running } = this.state;
    if (running && running.messageId !== row.id) yield* this.finishBefore(running.messageId);
    this.advance(seen);
    const text = this.open(row);
    if (!text) return;
    const known = this.running?.row.id === row.id ? knownText(this.running, text) : null;
    this.follow(row, lengthOf(known ?? text));
    yield await this.event({ type: 'message', row, text: known });
  }

  /** Where another answer runs, the one before has ended: its own row may come later, since it changed again. */
  private async *finishBefore(messageId: string): Events {
    const row = await this.reading(() => this.following.readMessage(messageId));
    if (row && row.status !== 'STREAMING') yield* this.finishing(row, this.state.seen);
    else this.leaveRunning();
  }

  /** What is missing of the answer that was followed, and its end. What cannot be opened is passed over. */
  private async *finishing(row: MessageRow, seen: SyncState['seen']): Events {
    const text = this.open(row);
    const { running } = this.state;
    if (text && running) {
      for (const delta of openDeltas(text, running.offsets, this.following.deltaCodeUnits)) {
        this.state = { ...this.state, running: { messageId: row.id, offsets: endOf(delta.piece) } };
        yield await this.event({ type: 'delta', row, ...delta });
      }
    }
    this.state = { ...this.state, seen, running: null };
    if (text) yield await this.event({ type: 'finished', row });
    this.leaveRunning();
  }

  /** Deltas of the running answer, until something else changed. What is missing when it has ended is read as stored. */
  private async *deltas(watched: WatchedConversation): Events {
    const stop = new AbortController();
    const abort = () => stop.abort();
    if (this.signal.aborted) abort();
    this.signal.addEventListener('abort', abort);
    const changed = watched.changed(stop.signal).then(abort);
    try {
      while (this.running && !this.running.text.live.ended && !stop.signal.aborted) {
        const { offset, text, row } = this.running;
        const piece = text.live.read(offset, this.following.deltaCodeUnits);
        if (!piece) {
          await text.live.grown(offset, stop.signal);
          continue;
        }
        const end = endOf(piece);
        this.running.offset = end;
        this.state = { ...this.state, running: { messageId: row.id, offsets: end } };
        yield await this.event({ type: 'delta', row, piece, textSoFar: () => text.live.upTo(end) });
      }
      // How it ended comes with its new revision, at once. With none, or until then, the next change is waited for.
      if (this.running?.text.live.ended) this.running = null;
      else await changed;
    } finally {
      abort();
      this.signal.removeEventListener('abort', abort);
      await changed;
    }
  }

  /** Goes on with a running answer from an offset. */
  private follow(row: MessageRow, offset: Offsets): void {
    if (this.running?.row.id !== row.id) {
      this.leaveText();
      this.text = this.following.take(row.id);
    }
    if (this.text) this.running = { row, text: this.text, offset };
    this.state = { ...this.state, running: { messageId: row.id, offsets: offset } };
  }

  private leaveText(): void {
    this.running = null;
    this.text?.release();
    this.text = null;
  }

  private leaveRunning(): void {
    this.leaveText();
    this.state = { ...this.state, running: null };
  }

  private advance(seen: SyncState['seen']): void {
    this.state = { ...this.state, seen };
  }

  private open(row: MessageRow): AnswerText | null {
    const { scope } = this;
    try {
      if (row.status === 'STREAMING') return joinChunks(scope.keys, row.id, row.chunks ?? []);
      return { content: openColumn(scope, row, 'content') ?? '', reasoning: openColumn(scope, row, 'reasoning') ?? '' };
    } catch (error) {
      if (isParleyError(error, 'DATA_INTEGRITY')) return null;
      throw error;
    }
  }

  /** Each event has a scope of its own, so that nothing that it loads is taken for what a later one says. */
  private async event(news: ConversationNews): Promise<ConversationLiveEvent> {
    const { state } = this;
    this.scope = await this.scope.forNextEvent();
    return { ...news, scope: this.scope, state };
  }

  private reading<T>(read: () => Promise<T>): Promise<T | undefined> {
    return untilAvailable(read, this.following.clock, this.signal);
  }
}

const lengthOf = ({ content, reasoning }: AnswerText): Offsets => ({
  content: content.length,
  reasoning: reasoning.length,
});

/** What a follower has of a running answer, where that is more than is durable and the text reaches so far. */
function knownText({ text: { live }, offset }: Running, durable: AnswerText): AnswerText | null {
  const end = lengthOf(durable);
  if (!isBehind(end, offset)) return null;
  const furthest = {
    content: Math.max(end.content, offset.content),
    reasoning: Math.max(end.reasoning, offset.reasoning),
  };
  return isBehind(live.end, furthest) ? null : live.upTo(furthest);
}
