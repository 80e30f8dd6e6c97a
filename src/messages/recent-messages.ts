import { z } from 'zod';
import type { RecentLists } from '../platform/recent-lists.js';
import type { MessageRow } from './message-row.js';

/** As many of the newest visible messages are kept. */
export const mostRecent = 15;
/** Longer texts are read from PostgreSQL: in code units of the whole list, sealed. */
const longestList = 512 * 1024;

/** The header of a conversation as PostgreSQL has it; every read begins with it. */
export interface RecentHeader {
  readonly id: string;
  readonly revision: number;
  readonly leaf_id: string | null;
}

/** What was appended at the end of the visible branch, and the header before it. */
export interface RecentAppend {
  readonly conversation: RecentHeader;
  readonly rows: readonly MessageRow[];
}

const nameOf = (ownerId: string, conversationId: string) => `${ownerId}:conversation:${conversationId}:messages`;

/**
 * The newest visible messages of conversations, sealed as they are in PostgreSQL, so that most pages are read without it.
 * They may be missing, never wrong: a list carries the revision of the header that was read before it, and is used only
 * where the header in PostgreSQL says the same. So it does not matter what of it was lost, kept or delayed on the way.
 */
export class RecentMessages {
  constructor(private readonly lists: RecentLists) {}

  /** By conversation id, ascending by position; left out where there is no list of that very revision. */
  async read(ownerId: string, headers: readonly RecentHeader[]): Promise<Map<string, readonly MessageRow[]>> {
    const found = new Map<string, readonly MessageRow[]>();
    const lists = await this.lists.read(headers.map(({ id }) => nameOf(ownerId, id)));
    for (const [index, header] of headers.entries()) {
      const list = lists[index];
      if (!list || list.revision !== header.revision) continue;
      const rows = rowsOf(list.elements);
      // A revision is given once, unless PostgreSQL itself has lost what it had committed.
      if (rows?.at(-1)?.id === header.leaf_id) found.set(header.id, rows);
    }
    return found;
  }

  /** Keeps what was read after the header was. */
  async keep(ownerId: string, header: RecentHeader, rows: readonly MessageRow[]): Promise<void> {
    await this.write(ownerId, header.id, header.revision, rows);
  }

  /**
   * After the commit: what was recent before, and the new messages. Gives the rows that end with them as far as they are
   * known, null where they are not.
   */
  async appended(ownerId: string, { conversation, rows }: RecentAppend): Promise<readonly MessageRow[] | null> {
    const [first] = rows;
    if (!first || first.revision !== conversation.revision + 1) return null;
    const before = await this.before(ownerId, conversation, first);
    if (!before) return null;
    const recent = [...before, ...rows];
    await this.write(ownerId, conversation.id, first.revision, recent);
    return recent;
  }

  private async before(ownerId: string, conversation: RecentHeader, first: MessageRow) {
    if (first.depth === 1) return [];
    // Elsewhere than at the end of the visible branch: another one is visible now.
    if (first.parent_id !== conversation.leaf_id) return null;
    return (await this.read(ownerId, [conversation])).get(conversation.id) ?? null;
  }

  /** After the commit: one message is another now, and nothing else changed in its revision. */
  async changed(ownerId: string, row: MessageRow): Promise<void> {
    const id = row.conversation_id;
    const [list] = await this.lists.read([nameOf(ownerId, id)]);
    if (list?.revision !== row.revision - 1) return;
    const rows = rowsOf(list.elements);
    if (!rows) return;
    const changed = rows.map((one) => (one.id === row.id ? row : one));
    await this.write(ownerId, id, row.revision, changed);
  }

  async forget(ownerId: string, conversationIds: readonly string[]): Promise<void> {
    await this.lists.forget(conversationIds.map((id) => nameOf(ownerId, id)));
  }

  private async write(ownerId: string, id: string, revision: number, rows: readonly MessageRow[]): Promise<void> {
    // The text of a running answer grows without a revision: it is read from PostgreSQL each time.
    const newest = rows.slice(-mostRecent).map((row) => JSON.stringify({ ...row, chunks: null }));
    const length = newest.reduce((sum, element) => sum + element.length, 0);
    if (newest.length === 0 || length > longestList) return;
    await this.lists.write(nameOf(ownerId, id), { revision, elements: newest.reverse() });
  }
}

/** Enough of a row to trust the rest, which only this file writes. */
const rowSchema = z.looseObject({ id: z.string(), conversation_id: z.string(), position: z.int(), depth: z.int() });

/** Ascending by position; null where it is none of ours. */
function rowsOf(elements: readonly string[]): MessageRow[] | null {
  try {
    return elements.map((element) => rowSchema.parse(JSON.parse(element)) as unknown as MessageRow).reverse();
  } catch {
    return null;
  }
}
