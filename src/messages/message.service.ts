import { findConversation } from '../conversations/conversation.repository.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import { notFound } from '../errors.js';
import { holdOwner } from '../identity/owner.repository.js';
import type { Scope } from '../identity/scope.js';
import type { Limits } from '../limits.js';
import type { Database } from '../platform/database.js';
import { fromPublicId } from '../platform/ids.js';
import type { PageArguments } from '../platform/page.types.js';
import { readPage } from '../platform/pagination.js';
import { checkText } from '../platform/unicode.js';
import { findNewestLeaf, selectBranch } from './branch.repository.js';
import { lockConversation } from './conversation-lock.repository.js';
import { endOfBranch, findMessage, type PageBounds } from './message.repository.js';
import { readMessageCursor } from './message-cursor.js';
import type { RateMessageInput } from './message-input.types.js';
import type { MessageRow } from './message-row.js';
import { messagePlace } from './message-texts.js';
import { rateMessage, reviseConversationOf } from './rating.repository.js';
import type { RecentMessages } from './recent-messages.js';

export interface MessageServiceDeps {
  readonly database: Database;
  readonly limits: Pick<Limits, 'pageSize' | 'commentCodeUnits'>;
  readonly recent: RecentMessages;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
}

/** What `Conversation.messages` gives with neither `first` nor `last`. */
export const unsaidPageSize = 50;

export class MessageService {
  constructor(private readonly deps: MessageServiceDeps) {}

  /** @throws BAD_USER_INPUT for cursors and counts that this conversation's messages do not take */
  pageBounds({ keys }: Scope, conversationId: string, page: PageArguments): PageBounds {
    const unsaid = { from: 'end', limit: unsaidPageSize } as const;
    const { from, limit, after, before } = readPage(page, unsaid, this.deps.limits.pageSize);
    return {
      from: from === 'start' ? 'oldest' : 'newest',
      limit,
      after: after === null ? 0 : readMessageCursor(keys, conversationId, after, 'after'),
      before: before === null ? endOfBranch : readMessageCursor(keys, conversationId, before, 'before'),
    };
  }

  /**
   * Makes the branch through a message, down to its newest leaf, the visible one; an answer that is being written goes
   * on. Nothing changes where it is visible already.
   * @throws NOT_FOUND
   */
  async selectBranch({ keys: { ownerId } }: Scope, publicId: string): Promise<ConversationRow> {
    const { database, onChanged } = this.deps;
    const id = fromPublicId('msg', publicId);
    const named = id && (await findMessage(database, ownerId, id));
    if (!named) throw notFound('message');
    const { conversation_id: conversationId } = named;
    const changed = await database.transaction(async (tx) => {
      const conversation = await lockConversation(tx, ownerId, conversationId);
      const leaf = conversation && (await findNewestLeaf(tx, ownerId, conversationId, id));
      if (!leaf) throw notFound('message');
      if (leaf.id === conversation.leaf_id) return false;
      await selectBranch(tx, ownerId, conversationId, leaf);
      return true;
    });
    if (changed) onChanged(ownerId, conversationId);
    const row = await findConversation(database, ownerId, conversationId);
    if (!row) throw notFound('conversation');
    return row;
  }

  /**
   * Rates any message, a running answer too; without a rating takes back what was said, comment and all.
   * @throws NOT_FOUND
   */
  async rate({ keys }: Scope, input: RateMessageInput): Promise<MessageRow> {
    const { database, limits, recent, onChanged } = this.deps;
    const comment = input.comment ? checkText('input.comment', input.comment, limits.commentCodeUnits) : input.comment;
    const id = fromPublicId('msg', input.messageId);
    if (id === null) throw notFound('message');
    const rating = input.rating ?? null;
    const row = await database.transaction(async (tx) => {
      await holdOwner(tx, keys.ownerId);
      const revision = await reviseConversationOf(tx, keys.ownerId, id);
      if (revision === null) throw notFound('message');
      await rateMessage(tx, keys.ownerId, id, {
        revision,
        rating,
        keepsComment: rating !== null && comment === undefined,
        sealedComment: rating !== null && comment ? keys.seal(messagePlace(id, 'rating_comment'), comment) : null,
      });
      const rated = await findMessage(tx, keys.ownerId, id);
      if (!rated) throw notFound('message');
      return rated;
    });
    void recent.changed(keys.ownerId, row);
    onChanged(keys.ownerId, row.conversation_id);
    return row;
  }
}
