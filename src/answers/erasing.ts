import { conversationPlace } from '../conversations/conversation-row.js';
import { notFound } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { readSurroundings } from '../messages/append.repository.js';
import { lockConversation } from '../messages/conversation-lock.repository.js';
import { erase } from '../messages/erasure.js';
import { findMessage } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import { messagePlace } from '../messages/message-texts.js';
import type { RecentMessages } from '../messages/recent-messages.js';
import type { Database, Transaction } from '../platform/database.js';
import type { Cancelling } from './cancelling.js';
import { cancelled, settleLocked } from './settle.js';
import { namedMessage } from './stored.js';

export interface ErasingDeps {
  readonly database: Database;
  readonly cancelling: Cancelling;
  readonly recent: RecentMessages;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
}

/**
 * Takes back what a message says. A running answer is cancelled first; where its writer does not react in time it is
 * settled on the way. An erased message is given unchanged.
 * @throws NOT_FOUND
 */
export async function eraseMessage(deps: ErasingDeps, scope: Scope, publicId: string): Promise<MessageRow> {
  const { database, cancelling, recent, onChanged } = deps;
  const ownerId = scope.viewer.id;
  const found = await namedMessage(database, ownerId, publicId);
  if (found.erased_at !== null) return found;
  if (found.status === 'STREAMING') await cancelling.cancelAndWait(ownerId, found.id);
  const { row, settled } = await database.transaction((tx) => eraseLocked(tx, scope, found));
  if (settled) cancelling.settledElsewhere(found.id);
  scope.forgetTexts([
    messagePlace(found.id, 'content'),
    messagePlace(found.id, 'reasoning'),
    messagePlace(found.id, 'metadata'),
    conversationPlace(found.conversation_id, 'automatic_title'),
  ]);
  await recent.forget(ownerId, [found.conversation_id]);
  onChanged(ownerId, found.conversation_id);
  return row;
}

async function eraseLocked(
  tx: Transaction,
  { keys }: Scope,
  { id, conversation_id: conversationId }: MessageRow,
): Promise<{ readonly row: MessageRow; readonly settled: boolean }> {
  const { ownerId } = keys;
  const conversation = await lockConversation(tx, ownerId, conversationId);
  const message = conversation && (await findMessage(tx, ownerId, id));
  if (!message) throw notFound('message');
  if (message.erased_at !== null) return { row: message, settled: false };
  const settled = message.status === 'STREAMING';
  if (settled) {
    const { run_id: runId } = await readSurroundings(tx, ownerId, conversationId, { kind: 'end' });
    if (runId === null) throw new Error('An answer is being written, and nobody writes it.');
    const run = { ownerId, conversationId, messageId: id, runId };
    await settleLocked(tx, { run, keys, ending: cancelled, text: null });
  }
  return { row: await erase(tx, keys, conversation, message), settled };
}
