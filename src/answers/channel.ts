import type { AnswerText, Offsets } from '../messages/message-texts.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { Piece } from './live-text.js';

/** What instances say of an answer to one another; PROTOCOL.md, "The channel". */
export type ChannelMessage =
  | { readonly type: 'delta'; readonly content: number; readonly reasoning: number; readonly sealed: string }
  | { readonly type: 'alive'; readonly content: number; readonly reasoning: number }
  | { readonly type: 'ask'; readonly content: number; readonly reasoning: number }
  | { readonly type: 'cancel' }
  | { readonly type: 'settled' };

export const channelOf = (messageId: string) => `parley:answer:${messageId}`;

export const encodeMessage = (message: ChannelMessage): string => JSON.stringify(message);

/** Null for anything that is not one of ours: a newer version may say more, and anybody with the Redis anything. */
export function decodeMessage(text: string): ChannelMessage | null {
  const parsed = parse(text);
  if (typeof parsed !== 'object' || parsed === null || !('type' in parsed)) return null;
  const { type } = parsed;
  if (type === 'cancel' || type === 'settled') return { type };
  const offsets = offsetsIn(parsed);
  if (!offsets) return null;
  if (type === 'alive' || type === 'ask') return { type, ...offsets };
  if (type !== 'delta' || !('sealed' in parsed) || typeof parsed.sealed !== 'string') return null;
  return { type, ...offsets, sealed: parsed.sealed };
}

/** Seals a piece for the wire, bound to its answer and both of its offsets. */
export function encodeDelta(keys: OwnerKeys, messageId: string, piece: Piece): string {
  const text = JSON.stringify([piece.content, piece.reasoning]);
  const sealed = keys.seal(wirePlace(messageId, piece.from), text).toString('base64');
  return encodeMessage({ type: 'delta', ...piece.from, sealed });
}

/** @throws DATA_INTEGRITY where it was tampered with. */
export function openDelta(
  keys: OwnerKeys,
  messageId: string,
  delta: Extract<ChannelMessage, { type: 'delta' }>,
): Piece {
  const from = { content: delta.content, reasoning: delta.reasoning };
  const text = keys.open(wirePlace(messageId, from), Buffer.from(delta.sealed, 'base64'));
  const [content, reasoning] = JSON.parse(text) as [string, string];
  return { from, ...({ content, reasoning } satisfies AnswerText) };
}

const wirePlace = (messageId: string, from: Offsets) => ({
  table: 'channel',
  row: `${messageId}/${from.content}/${from.reasoning}`,
  column: 'delta',
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function offsetsIn(value: object): Offsets | null {
  if (!('content' in value) || !('reasoning' in value)) return null;
  const { content, reasoning } = value;
  return isOffset(content) && isOffset(reasoning) ? { content, reasoning } : null;
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
