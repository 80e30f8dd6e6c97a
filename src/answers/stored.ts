import { findConversation } from '../conversations/conversation.repository.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { notFound } from '../errors.js';
import { findMessage, findMessages } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { Querier } from '../platform/database.js';
import { fromPublicId } from '../platform/ids.js';

/** @throws NOT_FOUND */
export async function storedConversation(querier: Querier, ownerId: string, id: string): Promise<ConversationRow> {
  const row = await findConversation(querier, ownerId, id);
  if (!row) throw notFound('conversation');
  return row;
}

/** In the order given. @throws NOT_FOUND where one was deleted */
export async function storedMessages(
  querier: Querier,
  ownerId: string,
  ids: readonly string[],
): Promise<readonly MessageRow[]> {
  const rows = await findMessages(querier, ownerId, ids);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    if (!row) throw notFound('conversation');
    return row;
  });
}

/** The message that a client names. @throws NOT_FOUND */
export async function namedMessage(querier: Querier, ownerId: string, publicId: string): Promise<MessageRow> {
  const id = fromPublicId('msg', publicId);
  const row = id && (await findMessage(querier, ownerId, id));
  if (!row) throw notFound('message');
  return row;
}
