import type { Querier } from '../platform/database.js';
import { endOfBranch, findPages, type MessagePage, type PageBounds } from './message.repository.js';
import type { MessageRow } from './message-row.js';
import { mostRecent, type RecentHeader, type RecentMessages } from './recent-messages.js';

/** A page of one conversation, whose header was read before. */
export interface PageKey {
  readonly header: RecentHeader & { readonly message_count: number };
  readonly bounds: PageBounds;
}

export interface PageSource {
  readonly querier: Querier;
  readonly recent: RecentMessages;
  readonly ownerId: string;
}

const nameOfBounds = ({ after, before, limit, from }: PageBounds) => `${after}/${before}/${limit}/${from}`;

/** Keys of the same name are of the same page. */
export const nameOfPage = ({ header, bounds }: PageKey) => `${header.id}/${nameOfBounds(bounds)}`;

/** May the recent messages be all of it? */
const isRecent = ({ bounds: { from, after, before, limit } }: PageKey) =>
  from === 'newest' && after === 0 && before === endOfBranch && limit <= mostRecent;

/**
 * The pages, by the names of their keys; without those of conversations that are not there. The newest messages come from
 * what is kept of them, where it is of the header's own revision, with running answers that lack their text; everything
 * else is read in one statement for each kind of page.
 */
export async function readPages(source: PageSource, keys: readonly PageKey[]): Promise<Map<string, MessagePage>> {
  const pages = await readRecent(source, keys.filter(isRecent));
  const others = keys.filter((key) => !pages.has(nameOfPage(key)));
  for (const found of await Promise.all(groupByBounds(others).map((group) => readGroup(source, group)))) {
    for (const [name, page] of found) pages.set(name, page);
  }
  return pages;
}

async function readRecent({ recent, ownerId }: PageSource, keys: readonly PageKey[]) {
  const pages = new Map<string, MessagePage>();
  if (keys.length === 0) return pages;
  const headers = new Map(keys.map(({ header }) => [header.id, header]));
  const lists = await recent.read(ownerId, [...headers.values()]);
  for (const key of keys) {
    const page = pageOf(key, lists.get(key.header.id) ?? []);
    if (page) pages.set(nameOfPage(key), page);
  }
  return pages;
}

/** Null where the list does not reach as far as the page. */
function pageOf({ header, bounds: { limit } }: PageKey, list: readonly MessageRow[]): MessagePage | null {
  const rows = list.slice(-limit);
  const [first] = rows;
  if (!first || (rows.length < limit && first.depth > 1)) return null;
  return { rows, hasPreviousPage: first.depth > 1, hasNextPage: false, totalCount: header.message_count };
}

/** Is it a running answer that was kept, whose text is nowhere but in PostgreSQL? */
export const lacksText = ({ status, chunks }: MessageRow) => status === 'STREAMING' && chunks === null;

function groupByBounds(keys: readonly PageKey[]): PageKey[][] {
  const groups = new Map<string, PageKey[]>();
  for (const key of keys) {
    const name = nameOfBounds(key.bounds);
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  return [...groups.values()];
}

async function readGroup({ querier, recent, ownerId }: PageSource, group: readonly PageKey[]) {
  const found: [string, MessagePage][] = [];
  const [first] = group;
  if (!first) return found;
  const ids = group.map(({ header }) => header.id);
  const pages = await findPages(querier, ownerId, ids, first.bounds);
  for (const key of group) {
    const page = pages.get(key.header.id);
    if (!page) continue;
    found.push([nameOfPage(key), page]);
    // Not waited for: it never rejects, and who reads next may find it or not.
    if (isRecent(key) && page.rows.at(-1)?.id === key.header.leaf_id) void recent.keep(ownerId, key.header, page.rows);
  }
  return found;
}
