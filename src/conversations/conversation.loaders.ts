import DataLoader from 'dataloader';
import type { Scope } from '../identity/scope.js';
import type { Querier } from '../platform/database.js';
import { makeWaves } from '../platform/waves.js';
import { findConversations } from './conversation.repository.js';
import { Conversation } from './conversation.types.js';
import type { ConversationRow } from './conversation-row.js';

export interface ConversationLoaders {
  /** By the id of the row; null for what is not there or not the viewer's. */
  readonly byId: DataLoader<string, Conversation | null>;
  /** The one object that this scope has for a conversation; the row that was read first stays. */
  keep(row: ConversationRow): Conversation;
}

/** Made once by the app; `scope.of` then makes the loaders once in each scope. */
export type MakeConversationLoaders = (scope: Scope) => ConversationLoaders;

export const makeConversationLoaders =
  (querier: Querier): MakeConversationLoaders =>
  (scope) => {
    const kept = new Map<string, Conversation>();
    const keep = (row: ConversationRow): Conversation => {
      const known = kept.get(row.id);
      if (known) return known;
      const conversation = new Conversation(row, scope);
      kept.set(row.id, conversation);
      byId.prime(row.id, conversation);
      return conversation;
    };
    const byId = new DataLoader<string, Conversation | null>((ids) =>
      scope.of(makeWaves).join(async () => {
        const rows = await findConversations(querier, scope.keys.ownerId, ids);
        const found = new Map(rows.map((row) => [row.id, keep(row)]));
        return ids.map((id) => found.get(id) ?? null);
      }),
    );
    return { byId, keep };
  };
