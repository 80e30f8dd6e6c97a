import { declaredStatement, type Querier, statement } from '../platform/database.js';
import type { Instant } from '../platform/instant.js';
import { type ConversationRow, conversationColumns, isListed } from './conversation-row.js';
import { fewTitled, isAnyOfMany, isOneOfMany, lookingForTitles } from './title-lookup.js';

/** A place in the list, which goes by last activity and then by id. */
export interface ListPlace {
  readonly updatedAt: Instant | 'infinity' | '-infinity';
  readonly id: string;
}

const lowestId = '00000000-0000-0000-0000-000000000000';
const highestId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Newer, or older, than every conversation; and than every one of an instant. */
export const newerThanAll: ListPlace = { updatedAt: 'infinity', id: highestId };
export const olderThanAll: ListPlace = { updatedAt: '-infinity', id: lowestId };
export const newestOf = (updatedAt: Instant): ListPlace => ({ updatedAt, id: highestId });
export const oldestOf = (updatedAt: Instant): ListPlace => ({ updatedAt, id: lowestId });

/** Which conversations are in the list at all. */
export interface ListFilter {
  /** Null: both. So the next. */
  readonly archived: boolean | null;
  readonly pinned: boolean | null;
  /** Terms that all stand in the title; null where the title does not matter. */
  readonly titleTerms: readonly Buffer[] | null;
  /** Strictly between these two. */
  readonly newer: ListPlace;
  readonly older: ListPlace;
}

/** Which part of it: strictly between two places, at most `limit` from one end. */
export interface ListBounds {
  readonly newer: ListPlace;
  readonly older: ListPlace;
  readonly limit: number;
  readonly from: 'newest' | 'oldest';
}

/** A part of the list, newest first; the two flags are exact at the moment of the read. */
export interface ListPage {
  readonly rows: readonly ConversationRow[];
  readonly anyNewer: boolean;
  readonly anyOlder: boolean;
}

interface Variant {
  readonly from: ListBounds['from'];
  readonly pinned: boolean | null;
  readonly byTitle: boolean;
}

const activity = '(conversation.updated_at, conversation.id)';
const walked = 'conversations AS conversation';

// What a partial index is made of, or not every list has, is spelled out: a generic plan could not use it as a value.
const inList = ({ pinned }: Pick<Variant, 'pinned'>) => `
  conversation.owner_id = $1 AND ${isListed('conversation')}
  ${pinned === null ? '' : pinned ? 'AND conversation.pinned' : 'AND NOT conversation.pinned'}`;

interface Part {
  readonly columns: string;
  /** Of conversations, and of values that are known before one is read. */
  readonly range: string;
  readonly direction: 'ASC' | 'DESC';
  readonly limit: string;
}

/** One shelf's conversations in a range; by title from whichever of its two sources has them. */
const partOf = (variant: Variant, { columns, range, direction, limit }: Part) => {
  const select = (source: string, matching = 'true') => `(
      SELECT ${columns} FROM ${source}
      WHERE ${inList(variant)} AND conversation.archived = shelf.archived AND ${range} AND ${matching}
      ORDER BY conversation.updated_at ${direction}, conversation.id ${direction}
      LIMIT ${limit}
    )`;
  return variant.byTitle ? `${select(fewTitled)} UNION ALL ${select(walked, isOneOfMany('$12'))}` : select(walked);
};

// Archived ones and the others are two ranges of the index, each read from the same end, then merged. Each range has
// one bound on either side, by row comparison. Whether anything stands beyond a cursor is asked for from the cursor on,
// up to where the filter ends the list, in an order that only the index has: where most rows are one owner's, reading
// the table until a match comes would look cheaper. An empty page still gives one row, which says what is around it.
const listText = (variant: Variant) => {
  const order = variant.from === 'newest' ? 'DESC' : 'ASC';
  const any = (direction: Part['direction'], range: string) => `EXISTS (
    SELECT FROM unnest($2::boolean[]) AS shelf (archived)
    CROSS JOIN LATERAL (${partOf(variant, { columns: 'conversation.id', range, direction, limit: '1' })}) AS beyond
  )`;
  const newerThanPage = `($3::timestamptz, $4::uuid) < ($7::timestamptz, $8::uuid)
    AND ${activity} >= ($3, $4) AND ${activity} < ($7, $8)`;
  const olderThanPage = `($5::timestamptz, $6::uuid) > ($9::timestamptz, $10::uuid)
    AND ${activity} <= ($5, $6) AND ${activity} > ($9, $10)`;
  const inPage = `${activity} < ($3, $4) AND ${activity} > ($5, $6)`;
  const page = { columns: 'conversation.*', range: inPage, direction: order, limit: '$11' } as const;
  return `
  ${variant.byTitle ? lookingForTitles('$12') : ''}
  SELECT around.any_newer, around.any_older, page.*
  FROM (
    SELECT ${any('ASC', newerThanPage)} AS any_newer, ${any('DESC', olderThanPage)} AS any_older
  ) AS around
  LEFT JOIN LATERAL (
    SELECT ${conversationColumns}
    FROM unnest($2::boolean[]) AS shelf (archived)
    CROSS JOIN LATERAL (${partOf(variant, page)}) AS conversation
    ORDER BY conversation.updated_at ${order}, conversation.id ${order}
    LIMIT $11
  ) AS page ON true`;
};

const countText = (variant: Omit<Variant, 'from'>) => {
  const count = (source: string, matching = 'true') => `
  SELECT count(*)::integer AS count FROM ${source}
  WHERE ${inList(variant)} AND conversation.archived = ANY ($2::boolean[])
    AND ${activity} < ($3::timestamptz, $4::uuid) AND ${activity} > ($5::timestamptz, $6::uuid) AND ${matching}`;
  if (!variant.byTitle) return count(walked);
  return `${lookingForTitles('$7')} SELECT (${count(fewTitled)}) + (${count(walked, isAnyOfMany('$7'))}) AS count`;
};

const nameOf = ({ pinned, byTitle }: Omit<Variant, 'from'>) =>
  `${pinned === null ? '' : pinned ? '.pinned' : '.notPinned'}${byTitle ? '.byTitle' : ''}`;

for (const pinned of [null, true, false]) {
  for (const byTitle of [false, true]) {
    const kind = { pinned, byTitle };
    statement(`conversations.count${nameOf(kind)}`, countText(kind));
    for (const from of ['newest', 'oldest'] as const) {
      statement(`conversations.${from}${nameOf(kind)}`, listText({ ...kind, from }));
    }
  }
}

type ListedRow = Omit<ConversationRow, 'id'> & {
  readonly id: string | null;
  readonly any_newer: boolean;
  readonly any_older: boolean;
};

/** A part of the owner's list in one statement. */
export async function listConversations(
  querier: Querier,
  ownerId: string,
  filter: ListFilter,
  { newer, older, limit, from }: ListBounds,
): Promise<ListPage> {
  const span = spanOf(filter);
  const listed = await querier.query<ListedRow>(declaredStatement(`conversations.${from}${nameOf(kindOf(filter))}`), [
    ownerId,
    shelvesOf(filter),
    ...placeValues(within(span, newer)),
    ...placeValues(within(span, older)),
    ...placeValues(span.newer),
    ...placeValues(span.older),
    // One more than asked for says that something follows.
    limit + 1,
    ...(filter.titleTerms ? [filter.titleTerms] : []),
  ]);
  const found = listed.filter(isConversation);
  const isCut = found.length > limit;
  const rows = found.slice(0, limit);
  return {
    rows: from === 'newest' ? rows : rows.reverse(),
    anyNewer: (listed[0]?.any_newer ?? false) || (isCut && from === 'oldest'),
    anyOlder: (listed[0]?.any_older ?? false) || (isCut && from === 'newest'),
  };
}

/** How many conversations the filter lets through. */
export async function countConversations(querier: Querier, ownerId: string, filter: ListFilter): Promise<number> {
  const [row] = await querier.query<{ count: number }>(
    declaredStatement(`conversations.count${nameOf(kindOf(filter))}`),
    [
      ownerId,
      shelvesOf(filter),
      ...placeValues(filter.newer),
      ...placeValues(filter.older),
      ...(filter.titleTerms ? [filter.titleTerms] : []),
    ],
  );
  return row?.count ?? 0;
}

const kindOf = ({ pinned, titleTerms }: ListFilter) => ({ pinned, byTitle: titleTerms !== null });
const shelvesOf = ({ archived }: ListFilter) => (archived === null ? [false, true] : [archived]);
const placeValues = ({ updatedAt, id }: ListPlace) => [updatedAt, id];
const isConversation = (row: ListedRow): row is ListedRow & ConversationRow => row.id !== null;

/** Instants are text of one form, so they compare as text; the infinite ones stand outside of it. */
function isNewer(one: ListPlace, other: ListPlace): boolean {
  if (one.updatedAt === other.updatedAt) return one.id > other.id;
  if (one.updatedAt === 'infinity' || other.updatedAt === '-infinity') return true;
  if (other.updatedAt === 'infinity' || one.updatedAt === '-infinity') return false;
  return one.updatedAt > other.updatedAt;
}

interface Span {
  readonly newer: ListPlace;
  readonly older: ListPlace;
}

/** Where the list lies; a filter that contradicts itself leaves nothing between the two. */
const spanOf = ({ newer, older }: ListFilter): Span => ({ older, newer: isNewer(older, newer) ? older : newer });

/** A cursor outside of the list stands for the end that is on its side. */
function within({ newer, older }: Span, place: ListPlace): ListPlace {
  if (isNewer(place, newer)) return newer;
  return isNewer(older, place) ? older : place;
}
