import { badUserInput, notFound } from '../errors.js';
import { holdOwner } from '../identity/owner.repository.js';
import type { Scope } from '../identity/scope.js';
import type { Limits } from '../limits.js';
import type { Database } from '../platform/database.js';
import { fromPublicId, newId } from '../platform/ids.js';
import type { PageArguments } from '../platform/page.types.js';
import { readPage } from '../platform/pagination.js';
import type { Rates } from '../platform/rates.js';
import type { Turns } from '../platform/turns.js';
import { checkText } from '../platform/unicode.js';
import { makeWaves } from '../platform/waves.js';
import {
  findConversation,
  type HeaderChange,
  insertConversation,
  lockHeader,
  updateHeader,
} from './conversation.repository.js';
import { type ConversationChange, readChange, readNewConversation, sealConversation } from './conversation-input.js';
import type {
  ConversationFilter,
  CreateConversationInput,
  UpdateConversationInput,
} from './conversation-input.types.js';
import {
  countConversations,
  type ListBounds,
  type ListFilter,
  type ListPage,
  listConversations,
  newerThanAll,
  newestOf,
  olderThanAll,
  oldestOf,
} from './conversation-list.repository.js';
import { type MarkedDeleted, markDeleted, removeDeletedBatch } from './conversation-removal.repository.js';
import { type ConversationRow, conversationPlace, type TextColumn } from './conversation-row.js';
import { readListCursor } from './list-cursor.js';
import { takingPoint } from './rated-request.js';
import { readIdempotencyKey, requestClaim } from './request.js';
import { claimRequest } from './request.repository.js';
import { titleQuery, titleTerms, untitled } from './title.js';

export interface ConversationServiceDeps {
  readonly database: Database;
  readonly limits: Pick<
    Limits,
    | 'titleCodeUnits'
    | 'systemPromptCodeUnits'
    | 'metadataBytes'
    | 'idempotencyKeyCodeUnits'
    | 'idsPerRequest'
    | 'pageSize'
  >;
  readonly knownModels: readonly string[];
  readonly temporaryHours: number;
  readonly rates: Rates;
  readonly turns: Turns;
  /** Told after the commit that a conversation was made or changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
  /** Told after the commit: writers of these answers are fenced, and there are rows to remove. Must not throw. */
  readonly onDeleted: (ownerId: string, deleted: MarkedDeleted) => void;
}

export type ListedConversations = ListPage & { count(): Promise<number> };

/** What `Query.conversations` gives with neither `first` nor `last`. */
export const unsaidListSize = 20;

export class ConversationService {
  constructor(private readonly deps: ConversationServiceDeps) {}

  /**
   * @throws CONFLICT where the key was used for something else, NOT_FOUND where what it made was deleted since
   * @throws BAD_USER_INPUT, RATE_LIMITED
   */
  async create(scope: Scope, input: CreateConversationInput): Promise<ConversationRow> {
    const { database, limits } = this.deps;
    const texts = readNewConversation(input, 'input', this.deps);
    const clientKey = readIdempotencyKey('input.idempotencyKey', input.idempotencyKey, limits.idempotencyKeyCodeUnits);
    const { ownerId } = scope.keys;
    const id = newId();
    const claim = requestClaim(scope.keys, {
      ...{ mutation: 'createConversation', input, clientKey },
      made: { conversation: id },
    });
    const rated = { rate: 'conversations', claim, clientKey } as const;
    const { row, replayed } = await takingPoint(this.deps, rated, () =>
      database.transactionOnce(async (tx) => {
        const request = await claimRequest(tx, claim);
        if (request.claimed) {
          const sealed = sealConversation(scope.keys, id, texts);
          return { row: await insertConversation(tx, ownerId, id, sealed), replayed: false };
        }
        const row = await findConversation(tx, ownerId, request.made.conversation ?? '');
        // The same id: a first run of this very transaction did commit, though nobody was told.
        return { row, replayed: request.made.conversation !== id };
      }),
    );
    if (!row) throw notFound('conversation');
    if (!replayed) this.deps.onChanged(ownerId, id);
    return row;
  }

  /** @throws NOT_FOUND */
  async update(scope: Scope, input: UpdateConversationInput): Promise<ConversationRow> {
    const change = readChange(input, this.deps);
    const id = fromPublicId('cnv', input.id);
    if (id === null) throw notFound('conversation');
    const { ownerId } = scope.keys;
    const row = await this.deps.database.transaction(async (tx) => {
      await holdOwner(tx, ownerId);
      const header = await lockHeader(tx, ownerId, id);
      if (!header) throw notFound('conversation');
      if (Object.keys(change).length === 0) return header;
      return updateHeader(tx, ownerId, id, headerChange(scope, header, change));
    });
    this.deps.onChanged(ownerId, id);
    return row;
  }

  /** Makes them unreadable at once; their rows are removed afterwards. Gives the ids that were the viewer's, in order. */
  async delete(scope: Scope, publicIds: readonly string[]): Promise<string[]> {
    const { database, limits, onDeleted } = this.deps;
    if (publicIds.length > limits.idsPerRequest) {
      throw badUserInput('ids', `Delete ${limits.idsPerRequest} conversations at most at once.`);
    }
    const { ownerId } = scope.keys;
    const byId = new Map<string, string>();
    for (const publicId of publicIds) {
      const id = fromPublicId('cnv', publicId);
      if (id !== null) byId.set(id, publicId);
    }
    const deleted = await database.transaction(async (tx) => {
      await holdOwner(tx, ownerId);
      return markDeleted(tx, ownerId, [...byId.keys()]);
    });
    if (deleted.conversationIds.length > 0) onDeleted(ownerId, deleted);
    const gone = new Set(deleted.conversationIds);
    return [...byId].filter(([id]) => gone.has(id)).map(([, publicId]) => publicId);
  }

  /**
   * Removes up to `batch` messages of one deleted conversation, or the conversation when none is left; false where
   * there is nothing to do. For any instance at any time: two of them never take the same conversation.
   */
  removeDeleted(batch: number): Promise<boolean> {
    return this.deps.database.transaction((tx) => removeDeletedBatch(tx, batch));
  }

  /** @throws BAD_USER_INPUT for cursors and counts that no such list takes */
  async list(scope: Scope, page: PageArguments, filter: ConversationFilter | null): Promise<ListedConversations> {
    const { database, limits } = this.deps;
    const { ownerId } = scope.keys;
    const listFilter = readFilter(scope, filter ?? {}, limits.titleCodeUnits);
    const request = readPage(page, { from: 'start', limit: unsaidListSize }, limits.pageSize);
    const bounds: ListBounds = {
      // The list begins with the newest.
      from: request.from === 'start' ? 'newest' : 'oldest',
      limit: request.limit,
      newer: request.after === null ? newerThanAll : readListCursor(scope.keys, request.after, 'after'),
      older: request.before === null ? olderThanAll : readListCursor(scope.keys, request.before, 'before'),
    };
    const waves = scope.of(makeWaves);
    const found = await waves.join(() => listConversations(database, ownerId, listFilter, bounds));
    return { ...found, count: () => waves.join(() => countConversations(database, ownerId, listFilter)) };
  }
}

/** What a change writes to the header that it was read against. */
function headerChange({ keys }: Scope, header: ConversationRow, change: ConversationChange): HeaderChange {
  const seal = (column: TextColumn, text: string | null) =>
    text === null ? null : keys.seal(conversationPlace(header.id, column), text);
  const { title, systemPrompt, metadata, model, pinned, archived } = change;
  const automatic = () =>
    header.automatic_title === null
      ? untitled
      : keys.open(conversationPlace(header.id, 'automatic_title'), Buffer.from(header.automatic_title, 'base64'));
  return {
    ...(title !== undefined && {
      title: { sealed: seal('title', title), terms: titleTerms(keys, title ?? automatic()) },
    }),
    ...(systemPrompt !== undefined && { systemPrompt: { sealed: seal('system_prompt', systemPrompt) } }),
    ...(metadata !== undefined && { metadata: { sealed: seal('metadata', metadata) } }),
    ...(model !== undefined && { model: { id: model } }),
    ...(pinned !== undefined && { pinned }),
    ...(archived !== undefined && { archived }),
  };
}

/** A filter that says nothing of a field lets both kinds through; the schema's default says false of `archived`. */
function readFilter(scope: Scope, filter: ConversationFilter, titleCodeUnits: number): ListFilter {
  const { archived, pinned, title, updatedAfter, updatedBefore } = filter;
  const terms = title ? titleQuery(scope.keys, checkText('filter.title', title, titleCodeUnits)) : [];
  return {
    archived: archived ?? null,
    pinned: pinned ?? null,
    titleTerms: terms.length > 0 ? terms : null,
    newer: updatedBefore ? oldestOf(updatedBefore) : newerThanAll,
    older: updatedAfter ? newestOf(updatedAfter) : olderThanAll,
  };
}
