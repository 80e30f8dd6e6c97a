import { findConversation } from '../conversations/conversation.repository.js';
import { isParleyError } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { Limits } from '../limits.js';
import { endOfBranch, findMessages } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import { messageTerm } from '../messages/message-terms.js';
import { openColumn } from '../messages/message-texts.js';
import type { Database } from '../platform/database.js';
import { EventLoopShare } from '../platform/event-loop-share.js';
import { fromPublicId } from '../platform/ids.js';
import { readPage } from '../platform/pagination.js';
import type { Rates } from '../platform/rates.js';
import { type Found, findUnfinished } from './find-unfinished.js';
import { type Passage, passageOf } from './passage.js';
import { findMatches, type Look, type SearchKey } from './search.repository.js';
import { readSearchCursor, writeSearchCursor } from './search-cursor.js';
import { readQuery, type SearchQuery } from './search-query.js';

export interface SearchServiceDeps {
  readonly database: Database;
  readonly rates: Rates;
  readonly limits: Pick<Limits, 'pageSize' | 'searchCodeUnits'>;
}

/** What a client asks for; null is not given. */
export interface SearchArguments {
  readonly query: string;
  readonly conversationId?: string | null;
  readonly first?: number | null;
  readonly after?: string | null;
}

export interface Hit {
  readonly row: MessageRow;
  readonly cursor: string;
  /** Null where the message is damaged. */
  readonly passage: Passage | null;
}

/** Hits, newest first. */
export interface SearchPage {
  readonly hits: readonly Hit[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly complete: boolean;
}

/** What `Query.search` gives without `first`. */
export const unsaidSearchSize = 20;
/** Matches that a passage shows, for what an operation costs; most show fewer. */
export const highlightsOfEdge = 4;
/** Newer than every message, by id and by position. */
const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

export class SearchService {
  constructor(private readonly deps: SearchServiceDeps) {}

  /**
   * A page of the messages that say every word; null where there is no such conversation.
   * @throws BAD_USER_INPUT, RATE_LIMITED
   */
  async search(scope: Scope, given: SearchArguments): Promise<SearchPage | null> {
    const { database, rates, limits } = this.deps;
    const { keys } = scope;
    const query = readQuery(given.query, limits.searchCodeUnits);
    const { limit, after } = readPage(given, { from: 'start', limit: unsaidSearchSize }, limits.pageSize);
    const publicId = given.conversationId ?? null;
    const conversationId = publicId === null ? null : fromPublicId('cnv', publicId);
    const isUnknown = publicId !== null && conversationId === null;
    // The cursor of an unknown conversation is none of anything.
    const from = after === null || isUnknown ? null : readSearchCursor(keys, conversationId, after);
    await rates.take('searches', keys.ownerId);
    if (isUnknown || (conversationId && !(await findConversation(database, keys.ownerId, conversationId)))) return null;
    const older: Look = {
      ownerId: keys.ownerId,
      conversationId,
      towards: 'older',
      from: from ?? newest(conversationId),
    };
    const found = await this.find(scope, older, query, limit + 1);
    const hits = await this.open(scope, conversationId, query, found.matches.slice(0, limit));
    return {
      hits,
      hasNextPage: found.matches.length > limit,
      hasPreviousPage: from !== null && (await this.isAnyFrom(scope, { ...older, towards: 'newer', from }, query)),
      complete: found.complete,
    };
  }

  private async isAnyFrom(scope: Scope, look: Look, query: SearchQuery): Promise<boolean> {
    return (await this.find(scope, look, query, 1)).matches.length > 0;
  }

  private async find({ keys }: Scope, look: Look, { words, unfinished }: SearchQuery, most: number): Promise<Found> {
    const { database } = this.deps;
    const terms = words.map((word) => messageTerm(keys, word));
    if (unfinished !== null) return await findUnfinished(database, keys, look, { terms, word: unfinished, most });
    return { matches: await findMatches(database, look, terms, most), complete: true };
  }

  private async open(
    scope: Scope,
    conversationId: string | null,
    query: SearchQuery,
    matches: Found['matches'],
  ): Promise<Hit[]> {
    const { keys } = scope;
    const ids = matches.map(({ id }) => id);
    const rows = await findMessages(this.deps.database, keys.ownerId, ids);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const share = new EventLoopShare();
    const hits: Hit[] = [];
    for (const { id, key } of matches) {
      const row = byId.get(id);
      // Deleted, or erased, between two statements of this operation.
      if (!row || row.content === null) continue;
      const cursor = writeSearchCursor(keys, conversationId, key);
      hits.push({ row, cursor, passage: await openPassage(scope, row, query, share) });
    }
    return hits;
  }
}

const newest = (conversationId: string | null): SearchKey => (conversationId === null ? highestId : endOfBranch);

/** Null where the message is damaged. */
async function openPassage(
  scope: Scope,
  row: MessageRow,
  query: SearchQuery,
  share: EventLoopShare,
): Promise<Passage | null> {
  if (share.isSpent) await share.renew();
  try {
    return await passageOf(openColumn(scope, row, 'content') ?? '', query, share);
  } catch (error) {
    if (isParleyError(error, 'DATA_INTEGRITY')) return null;
    throw error;
  }
}
