import type { MessageRow } from '../messages/message-row.js';
import type { AnswerText, Offsets } from '../messages/message-texts.js';
import { TextBuffer } from './text-buffer.js';

/** A piece of an answer and where it begins. */
export interface Piece extends AnswerText {
  readonly from: Offsets;
}

export const startOfAnswer: Offsets = { content: 0, reasoning: 0 };

/** The least that a piece may hold: with room for one code unit a pair would never fit, and nobody would get past it. */
export const leastPiece = 2;

/** Of pieces just read, for those who stand where others stood. */
const mostShared = 8;

const beyondEverything: Offsets = { content: Number.POSITIVE_INFINITY, reasoning: Number.POSITIVE_INFINITY };

export const sameOffsets = (one: Offsets, other: Offsets) =>
  one.content === other.content && one.reasoning === other.reasoning;

/** Is any of the two behind `other`'s? */
export const isBehind = (one: Offsets, other: Offsets) =>
  one.content < other.content || one.reasoning < other.reasoning;

/** Where a piece ends. */
export const endOf = (piece: Piece): Offsets => ({
  content: piece.from.content + piece.content.length,
  reasoning: piece.from.reasoning + piece.reasoning.length,
});

/**
 * The text of an answer while it grows, and everyone who waits for more of it. A follower is nothing but an offset: it
 * waits until the text is longer, takes what follows, and waits again. So a slow one costs no memory.
 */
export class LiveText {
  private readonly content = new TextBuffer();
  private readonly reasoning = new TextBuffer();
  private readonly waiting = new Set<() => void>();
  /** What was read since more was last shown: of a crowd of followers, those at one offset hold one and the same string. */
  private shared: { readonly piece: Piece; readonly limit: number }[] = [];
  private heldAt: Offsets | null = null;
  private hasEnded = false;
  private stored: MessageRow | null = null;
  private hasGivenUp = false;

  /** How much there is. */
  get end(): Offsets {
    return { content: this.content.length, reasoning: this.reasoning.length };
  }

  /** How much of it may be shown: all, but while delivery is held. */
  get shown(): Offsets {
    return this.heldAt ?? this.end;
  }

  /** Nothing more comes; the truth is what was stored. */
  get ended(): boolean {
    return this.hasEnded;
  }

  /** Nothing more comes from here, and what became of the answer is not known here. */
  get givenUp(): boolean {
    return this.hasGivenUp;
  }

  /** The answer as it was stored, once it has ended; null where it was deleted. */
  get final(): MessageRow | null {
    return this.stored;
  }

  append(added: Partial<AnswerText>): void {
    if (added.content) this.content.append(added.content);
    if (added.reasoning) this.reasoning.append(added.reasoning);
    if (!this.heldAt) this.wake();
  }

  /**
   * Takes a piece that may overlap what is known: what is new of it is appended.
   * Gives false where it begins beyond the end, so that something between is missing.
   */
  merge(piece: Piece): boolean {
    const { end } = this;
    if (isBehind(end, piece.from)) return false;
    this.append({
      content: piece.content.slice(end.content - piece.from.content),
      reasoning: piece.reasoning.slice(end.reasoning - piece.from.reasoning),
    });
    return true;
  }

  /** Shows nothing more than now, until `release`: whether the text may still be written is in doubt. */
  hold(): void {
    this.heldAt ??= this.end;
  }

  get held(): boolean {
    return this.heldAt !== null;
  }

  release(): void {
    if (!this.heldAt) return;
    this.heldAt = null;
    this.wake();
  }

  finish(final: MessageRow | null): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.stored = final;
    this.wake();
  }

  /** Ends it for its followers, who have to ask again; see {@link givenUp}. */
  giveUp(): void {
    this.hasGivenUp = !this.hasEnded;
    this.finish(null);
  }

  /** What follows `from`, `limit` code units at most, never ending within a surrogate pair; null where nothing does. */
  read(from: Offsets, limit: number): Piece | null {
    const known = this.shared.find((one) => one.limit === limit && sameOffsets(one.piece.from, from));
    if (known) return known.piece;
    const piece = this.cutPiece(from, limit);
    if (piece) this.shared = [...this.shared.slice(1 - mostShared), { piece, limit }];
    return piece;
  }

  /** The text as it was when it ended at `end`. */
  upTo(end: Offsets): AnswerText {
    return { content: this.content.slice(0, end.content), reasoning: this.reasoning.slice(0, end.reasoning) };
  }

  /** Everything that there is from `from` on, shown or not. */
  readAll(from: Offsets): Piece {
    return { from, content: this.content.slice(from.content), reasoning: this.reasoning.slice(from.reasoning) };
  }

  /** Resolves when more than `from` is shown, when the text has ended, or when `signal` is aborted. */
  grown(from: Offsets, signal: AbortSignal): Promise<void> {
    if (this.ended || signal.aborted || isBehind(from, this.shown)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Resolves when the text has ended, or when `signal` is aborted. */
  async finished(signal: AbortSignal): Promise<void> {
    while (!this.ended && !signal.aborted) await this.grown(beyondEverything, signal);
  }

  /** How many wait for more. */
  get waiters(): number {
    return this.waiting.size;
  }

  private cutPiece(from: Offsets, limit: number): Piece | null {
    const { shown } = this;
    const most = Math.max(limit, leastPiece);
    const reasoning = cut(this.reasoning, from.reasoning, Math.min(shown.reasoning, from.reasoning + most));
    const room = most - reasoning.length;
    const content = cut(this.content, from.content, Math.min(shown.content, from.content + room));
    return content === '' && reasoning === '' ? null : { from, content, reasoning };
  }

  private wake(): void {
    this.shared = [];
    for (const done of [...this.waiting]) done();
  }
}

function cut(buffer: TextBuffer, start: number, end: number): string {
  if (end <= start) return '';
  const text = buffer.slice(start, end);
  const last = text.charCodeAt(text.length - 1);
  const withinPair = last >= 0xd800 && last <= 0xdbff && end < buffer.length;
  return withinPair ? text.slice(0, -1) : text;
}
