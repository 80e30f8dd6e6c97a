import { notFound, unavailable } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { MessageRow } from '../messages/message-row.js';
import { type AnswerText, type Offsets, openColumn } from '../messages/message-texts.js';
import { pullFrom, type SourceFailure } from '../platform/pulled-source.js';
import { endOf, type LiveText, leastPiece, type Piece } from './live-text.js';

/** What a follower is given. The scope is the event's own: nothing that it loads outlives it. */
export type FollowEvent =
  | {
      readonly type: 'delta';
      readonly row: MessageRow;
      readonly piece: Piece;
      readonly scope: Scope;
      textSoFar(): AnswerText;
    }
  | { readonly type: 'finished'; readonly row: MessageRow; readonly end: Offsets; readonly scope: Scope };

export interface Following {
  readonly scope: Scope;
  /** The message as it was read after the subscription was asked for. */
  readonly row: MessageRow;
  readonly after: Offsets;
  /** The live text of a running answer; asked for only where the message is STREAMING. */
  readonly take: () => { readonly live: LiveText; release(): void };
  readonly deltaCodeUnits: number;
}

/** One answer from an offset to its end; see {@link pullFrom}. */
export function follow(following: Following): AsyncIterableIterator<FollowEvent | SourceFailure> {
  return pullFrom((signal) => events(following, signal));
}

async function* events(following: Following, signal: AbortSignal): AsyncGenerator<FollowEvent, void, undefined> {
  if (following.row.status !== 'STREAMING') {
    yield* finishing(following, following.row, following.after);
    return;
  }
  const { live, release } = following.take();
  try {
    let offset = following.after;
    let { scope } = following;
    while (!live.ended && !signal.aborted) {
      const piece = live.read(offset, following.deltaCodeUnits);
      if (piece) {
        scope = await scope.forNextEvent();
        offset = endOf(piece);
        const end = offset;
        yield { type: 'delta', row: following.row, piece, scope, textSoFar: () => live.upTo(end) };
      } else await live.grown(offset, signal);
    }
    if (signal.aborted) return;
    if (live.givenUp) throw unavailable();
    if (!live.final) throw notFound('message');
    yield* finishing(following, live.final, offset);
  } finally {
    release();
  }
}

/** What of the stored text follows `offset`, then the end. A stored text that ends before it is said as it is. */
async function* finishing(
  { scope: first, deltaCodeUnits }: Following,
  row: MessageRow,
  after: Offsets,
): AsyncGenerator<FollowEvent, void, undefined> {
  let scope = await first.forNextEvent();
  const stored = {
    content: openColumn(scope, row, 'content') ?? '',
    reasoning: openColumn(scope, row, 'reasoning') ?? '',
  };
  for (const delta of openDeltas(stored, after, deltaCodeUnits)) {
    yield { type: 'delta', row, scope, ...delta };
    scope = await scope.forNextEvent();
  }
  const end = { content: stored.content.length, reasoning: stored.reasoning.length };
  yield { type: 'finished', row, end, scope };
}

/** A stored text from `after` on, in deltas of `limit` code units at most. */
export function* openDeltas(
  stored: AnswerText,
  after: Offsets,
  limit: number,
): Generator<{ readonly piece: Piece; textSoFar(): AnswerText }, void, undefined> {
  for (let piece = pieceOf(stored, after, limit); piece; piece = pieceOf(stored, endOf(piece), limit)) {
    const end = endOf(piece);
    const textSoFar = () => ({
      content: stored.content.slice(0, end.content),
      reasoning: stored.reasoning.slice(0, end.reasoning),
    });
    yield { piece, textSoFar };
  }
}

function pieceOf(text: AnswerText, from: Offsets, limit: number): Piece | null {
  const most = Math.max(limit, leastPiece);
  const reasoning = wholeSlice(text.reasoning, from.reasoning, most);
  const content = wholeSlice(text.content, from.content, most - reasoning.length);
  return content === '' && reasoning === '' ? null : { from, content, reasoning };
}

function wholeSlice(text: string, start: number, length: number): string {
  const part = text.slice(start, start + length);
  const last = part.charCodeAt(part.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? part.slice(0, -1) : part;
}
