import { conversationPlace } from '../conversations/conversation-row.js';
import { automaticTitle, showsNothing, titleTerms, untitled } from '../conversations/title.js';
import { isParleyError } from '../errors.js';
import type { Transaction } from '../platform/database.js';
import type { OwnerKeys, Place } from '../platform/encryption.js';
import type { LockedConversation } from './conversation-lock.repository.js';
import { type ErasedTitle, eraseMessage, findTitleStanding } from './erasure.repository.js';
import type { MessageRow } from './message-row.js';
import { messagePlace } from './message-texts.js';

/**
 * Takes back what a final message says, and what was made of it: an automatic title goes back to the words that come
 * next, or to none. Needs the conversation's lock.
 */
export async function erase(
  tx: Transaction,
  keys: OwnerKeys,
  conversation: LockedConversation,
  message: MessageRow,
): Promise<MessageRow> {
  return await eraseMessage(tx, keys.ownerId, message, await titleWithout(tx, keys, conversation, message));
}

async function titleWithout(
  tx: Transaction,
  keys: OwnerKeys,
  conversation: LockedConversation,
  message: MessageRow,
): Promise<ErasedTitle | null> {
  const standing = await findTitleStanding(tx, keys.ownerId, message);
  if (!standing || standing.automatic_title === null) return null;
  const place = conversationPlace(conversation.id, 'automatic_title');
  const { titled_by_model: byModel, model_read_it: modelReadIt, first_id: firstId } = standing;
  const same = openUndamaged(keys, place, standing.automatic_title);
  // Those before the words that made it may have shown nothing: then it is told by what it says.
  const isMadeOfIt = () =>
    message.id === firstId ||
    same === automaticTitle(openUndamaged(keys, messagePlace(message.id, 'content'), message.content) ?? '');
  if (byModel ? modelReadIt : isMadeOfIt()) {
    const { next_id: nextId, next } = standing;
    const words = nextId && openUndamaged(keys, messagePlace(nextId, 'content'), next);
    const title = words && !showsNothing(words) && automaticTitle(words);
    const terms = conversation.has_title ? null : titleTerms(keys, title || untitled);
    return { sealed: title ? keys.seal(place, title) : null, terms };
  }
  if (byModel) return null;
  // A model may just be making a title of this message: it writes it only where the one that it read still stands.
  return same === null ? null : { sealed: keys.seal(place, same), terms: null };
}

/** A damaged text makes no title; it must not keep another from being erased. */
function openUndamaged(keys: OwnerKeys, place: Place, sealed: string | null): string | null {
  if (sealed === null) return null;
  try {
    return keys.open(place, Buffer.from(sealed, 'base64'));
  } catch (error) {
    if (isParleyError(error, 'DATA_INTEGRITY')) return null;
    throw error;
  }
}
