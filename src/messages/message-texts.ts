import type { Scope } from '../identity/scope.js';
import type { OwnerKeys, Place } from '../platform/encryption.js';
import type { ChunkRow, MessageRow } from './message-row.js';

export type TextColumn = 'content' | 'reasoning' | 'metadata' | 'idempotency_key' | 'rating_comment';

/** Where a text of a message is sealed to. */
export const messagePlace = (messageId: string, column: TextColumn): Place => ({
  table: 'messages',
  row: messageId,
  column,
});

/** Where a checkpoint is sealed to: an answer, and both of its offsets. */
export const chunkPlace = (messageId: string, contentOffset: number, reasoningOffset: number): Place => ({
  table: 'answer_chunks',
  row: `${messageId}/${contentOffset}/${reasoningOffset}`,
  column: 'sealed',
});

/** @throws DATA_INTEGRITY where it was tampered with. */
export function openColumn(scope: Scope, row: MessageRow, column: TextColumn): string | null {
  const sealed = row[column];
  if (sealed === null) return null;
  return scope.openText(messagePlace(row.id, column), row.revision, sealed);
}

/** How long a running answer's text and reasoning are. Both in UTF-16 code units. */
export interface Offsets {
  readonly content: number;
  readonly reasoning: number;
}

export interface AnswerText {
  readonly content: string;
  readonly reasoning: string;
}

/** The longest unbroken text that the checkpoints hold. A gap ends it: what follows one cannot be placed. */
export function joinChunks(keys: OwnerKeys, messageId: string, chunks: readonly ChunkRow[]): AnswerText {
  const [first] = chunks;
  if (first?.content_offset !== 0 || first.reasoning_offset !== 0) return { content: '', reasoning: '' };
  return joinChunksFrom(keys, messageId, chunks) ?? { content: '', reasoning: '' };
}

/** The same from the first of `chunks` on, wherever it begins; null where there is none. */
export function joinChunksFrom(
  keys: OwnerKeys,
  messageId: string,
  chunks: readonly ChunkRow[],
): (AnswerText & { readonly from: Offsets }) | null {
  const [first] = chunks;
  if (!first) return null;
  const from: Offsets = { content: first.content_offset, reasoning: first.reasoning_offset };
  const content: string[] = [];
  const reasoning: string[] = [];
  let end = from;
  for (const chunk of chunks) {
    if (chunk.content_offset !== end.content || chunk.reasoning_offset !== end.reasoning) break;
    const [text, thought] = openChunk(keys, messageId, chunk);
    content.push(text);
    reasoning.push(thought);
    end = { content: end.content + text.length, reasoning: end.reasoning + thought.length };
  }
  return { from, content: content.join(''), reasoning: reasoning.join('') };
}

/** The same as far as it can be opened, for an answer that must end: a damaged checkpoint ends it as a gap does. */
export function joinUndamaged(keys: OwnerKeys, messageId: string, chunks: readonly ChunkRow[]): AnswerText {
  const damaged = chunks.findIndex((chunk) => !canOpen(keys, messageId, chunk));
  return joinChunks(keys, messageId, damaged === -1 ? chunks : chunks.slice(0, damaged));
}

export function sealChunk(keys: OwnerKeys, messageId: string, from: Offsets, added: AnswerText): Buffer {
  const place = chunkPlace(messageId, from.content, from.reasoning);
  return keys.seal(place, JSON.stringify([added.content, added.reasoning]));
}

function openChunk(keys: OwnerKeys, messageId: string, chunk: ChunkRow): [string, string] {
  const place = chunkPlace(messageId, chunk.content_offset, chunk.reasoning_offset);
  return JSON.parse(keys.open(place, Buffer.from(chunk.sealed, 'base64'))) as [string, string];
}

function canOpen(keys: OwnerKeys, messageId: string, chunk: ChunkRow): boolean {
  try {
    openChunk(keys, messageId, chunk);
    return true;
  } catch {
    return false;
  }
}
