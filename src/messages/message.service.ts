import { notFound } from '../errors.js';
import { holdOwner } from '../identity/owner.repository.js';
import type { Scope } from '../identity/scope.js';
import type { Limits } from '../limits.js';
import type { Database } from '../platform/database.js';
import { fromPublicId } from '../platform/ids.js';
import { type PageArguments, readPage } from '../platform/pagination.js';
import { checkText } from '../platform/unicode.js';
import { endOfBranch, findMessage, type PageBounds } from './message.repository.js';
import { readMessageCursor } from './message-cursor.js';
import type { RateMessageInput } from './message-input.types.js';
import type { MessageRow } from './message-row.js';
import { messagePlace } from './message-texts.js';
import { rateMessage, reviseConversationOf } from './rating.repository.js';

export interface MessageServiceDeps {
  readonly database: Database;
  readonly limits: Pick<Limits, 'pageSize' | 'commentCodeUnits'>;
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
   * Rates any message, a running answer too; without a rating takes back what was said, comment and all.
   * @throws NOT_FOUND
   */
  async rate({ keys }: Scope, input: RateMessageInput): Promise<MessageRow> {
    const { database, limits, onChanged } = this.deps;
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
    onChanged(keys.ownerId, row.conversation_id);
    return row;
  }
}
