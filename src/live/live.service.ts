import type { Replicas } from '../answers/replicas.js';
import type { Runs } from '../answers/runs.js';
import { findConversation, findConversationsOrGone } from '../conversations/conversation.repository.js';
import { notFound } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { findMessage } from '../messages/message.repository.js';
import type { Clock } from '../platform/clock.js';
import type { Database } from '../platform/database.js';
import { fromPublicId } from '../platform/ids.js';
import { pullFrom, type SourceFailure } from '../platform/pulled-source.js';
import type { ChangeWatch } from './change-watch.js';
import { ConversationFollower, type ConversationLiveEvent } from './follow-conversation.js';
import { followList, type ListLiveEvent } from './follow-list.js';
import { findChangedMessages } from './live.repository.js';
import { readSyncCursor } from './sync-cursor.js';

export interface LiveServiceDeps {
  readonly database: Database;
  readonly watch: ChangeWatch;
  readonly runs: Runs;
  readonly replicas: Replicas;
  readonly clock: Clock;
  readonly deltaCodeUnits: number;
}

/** Changed messages read at once. */
const catchUpPage = 200;

/** Following whole conversations, and the list of them. */
export class LiveService {
  constructor(private readonly deps: LiveServiceDeps) {}

  /** @throws NOT_FOUND, BAD_USER_INPUT for a cursor that is none */
  async followConversation(
    scope: Scope,
    publicId: string,
    after: string | null,
  ): Promise<AsyncIterableIterator<ConversationLiveEvent | SourceFailure>> {
    const { database, watch, runs, replicas, clock, deltaCodeUnits } = this.deps;
    const ownerId = scope.viewer.id;
    const conversationId = fromPublicId('cnv', publicId);
    if (conversationId === null || !(await findConversation(database, ownerId, conversationId))) {
      throw notFound('conversation');
    }
    const state = after === null ? null : readSyncCursor(scope.keys, conversationId, after, 'after');
    return pullFrom((signal) =>
      new ConversationFollower(
        {
          ...{ scope, conversationId, after: state, clock, deltaCodeUnits },
          watch: () => watch.openConversation(ownerId, conversationId),
          readHeader: () => findConversation(database, ownerId, conversationId),
          readMessage: (id) => findMessage(database, ownerId, id),
          readChanged: (seen, upTo) =>
            findChangedMessages(database, { ownerId, conversationId }, seen, upTo, catchUpPage),
          pageSize: catchUpPage,
          take: (messageId) => runs.take(messageId) ?? replicas.take(ownerId, messageId),
        },
        signal,
      ).events(),
    );
  }

  followList(scope: Scope): AsyncIterableIterator<ListLiveEvent | SourceFailure> {
    const { database, watch, clock } = this.deps;
    const ownerId = scope.viewer.id;
    const readHeaders = (ids: readonly string[]) => findConversationsOrGone(database, ownerId, ids);
    return pullFrom((signal) => followList({ scope, clock, readHeaders, watch }, signal));
  }
}
