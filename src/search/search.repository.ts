import { isListed } from '../conversations/conversation-row.js';
import type { MessageTerms } from '../messages/message-terms.js';
import { declaredStatement, type Querier, statement } from '../platform/database.js';

/** What messages are ordered by: the id in all that an owner has, the position in one conversation. */
export type SearchKey = string | number;

/** Which messages, from where on, and in which direction. */
export interface Look {
  readonly ownerId: string;
  /** Null: all of the owner's. */
  readonly conversationId: string | null;
  /** From strictly older than `from`, the newest first; or from `from` itself on, the oldest first. */
  readonly towards: 'older' | 'newer';
  readonly from: SearchKey;
}

export interface Match {
  readonly id: string;
  readonly key: SearchKey;
}

/** A message that says all words but perhaps the unfinished one. */
export interface Candidate extends Match {
  /** Does it say the unfinished word as it stands? */
  readonly says_it: boolean;
  /** Its sealed content in base64; null where it need not be opened. */
  readonly content: string | null;
  /** As many would have been given if their contents were not too large together. */
  readonly candidates: number;
}

/** So many messages are filtered by their terms before the index of terms is asked. */
const nearest = 2000;

type Variant = Pick<Look, 'towards'> & { readonly inConversation: boolean; readonly hasWords: boolean };

const [terms, limit] = ['$3::bigint[]', '$4'];

const isShown = (row: string) => `(
  SELECT ${isListed('conversation')} FROM conversations AS conversation
  WHERE conversation.owner_id = $1 AND conversation.id = ${row}.conversation_id
)`;

// The newest messages say a frequent word soon enough; only where they do not fill the page, the index gives all others
// that say it. Terms alone say whose they are, so owner, conversation and place stand there in a form that no other index
// has: to read all messages of an owner, only to meet what the terms have found, would cost more than all the rest.
// Whether a conversation was deleted, or is a temporary one, is asked of those only that are given.
const matching = ({ inConversation, towards, hasWords }: Variant, conversation: string) => {
  const key = inConversation ? 'position' : 'id';
  const order = towards === 'older' ? 'DESC' : 'ASC';
  const from = `
    FROM messages AS message
    WHERE message.owner_id = $1 ${inConversation ? `AND message.conversation_id = ${conversation}` : ''}
      AND message.${key} ${towards === 'older' ? '<' : '>='} $2`;
  const columns = `message.id, message.${key} AS key, message.conversation_id`;
  if (!hasWords) {
    return `
  found AS MATERIALIZED (
    SELECT message.id, message.${key} AS key
    ${from} AND message.terms IS NOT NULL AND ${terms} = '{}' AND ${isShown('message')}
    ORDER BY message.${key} ${order}
    LIMIT ${limit}
  )`;
  }
  return `
  edge AS MATERIALIZED (
    SELECT message.${key} AS key ${from} ORDER BY message.${key} ${order} LIMIT 1 OFFSET ${nearest - 1}
  ), near AS MATERIALIZED (
    SELECT near.id, near.key
    FROM (
      SELECT ${columns}, message.terms ${from} ORDER BY message.${key} ${order} LIMIT ${nearest}
    ) AS near
    WHERE near.terms @> ${terms} AND ${isShown('near')}
    ORDER BY near.key ${order}
    LIMIT ${limit}
  ), far AS (
    SELECT far.id, far.key
    FROM (
      SELECT ${columns}
      FROM messages AS message
      WHERE message.terms @> ${terms} AND (message.owner_id = $1) IS TRUE
        ${inConversation ? `AND (message.conversation_id = ${conversation}) IS TRUE` : ''}
        AND (message.${key} ${towards === 'older' ? '<' : '>'} (SELECT key FROM edge)) IS TRUE
        AND (SELECT count(*) FROM near) < ${limit} AND EXISTS (SELECT FROM edge)
      ORDER BY message.${key} ${order}
    ) AS far
    WHERE ${isShown('far')}
    ORDER BY far.key ${order}
    LIMIT ${limit}
  ), found AS MATERIALIZED (
    SELECT id, key FROM near UNION ALL SELECT id, key FROM far ORDER BY key ${order} LIMIT ${limit}
  )`;
};

const orderOf = ({ towards }: Variant) => `ORDER BY key ${towards === 'older' ? 'DESC' : 'ASC'}`;

const matchText = (variant: Variant) => `WITH ${matching(variant, '$5')} SELECT id, key FROM found ${orderOf(variant)}`;

// What comes before a candidate decides whether it is given, so that there is always one.
const candidateText = (variant: Variant) => `
  WITH ${matching(variant, '$7')}, weighed AS (
    SELECT found.id, found.key, found.says_it, found.sealed_content, count(*) OVER () AS candidates,
      sum(CASE WHEN found.says_it THEN 0 ELSE octet_length(found.sealed_content) END) OVER (
        ${orderOf(variant)} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS bytes_before
    FROM (
      SELECT found.id, found.key, message.terms @> $5::bigint[] AS says_it, message.sealed_content
      FROM found JOIN messages AS message ON message.owner_id = $1 AND message.id = found.id
    ) AS found
  )
  SELECT id, key, says_it, candidates, CASE WHEN NOT says_it THEN encode(sealed_content, 'base64') END AS content
  FROM weighed
  WHERE coalesce(bytes_before, 0) < $6::bigint
  ${orderOf(variant)}`;

const nameOf = ({ towards, inConversation, hasWords }: Variant) =>
  `${towards}${inConversation ? '.inConversation' : ''}${hasWords ? '' : '.anyWords'}`;

for (const towards of ['older', 'newer'] as const) {
  for (const inConversation of [false, true]) {
    const variant = { towards, inConversation, hasWords: true };
    statement(`search.${nameOf(variant)}`, matchText(variant));
    for (const hasWords of [true, false]) {
      const candidates = { ...variant, hasWords };
      statement(`search.candidates.${nameOf(candidates)}`, candidateText(candidates));
    }
  }
}

/** The messages that have all of these terms, `most` of them at most. */
export function findMatches(querier: Querier, look: Look, terms: MessageTerms, most: number): Promise<Match[]> {
  const name = nameOf({ ...look, inConversation: look.conversationId !== null, hasWords: true });
  return querier.query<Match>(declaredStatement(`search.${name}`), [
    ...[look.ownerId, look.from, arrayOf(terms), most],
    ...(look.conversationId === null ? [] : [look.conversationId]),
  ]);
}

/** Which candidates, and how many; `term` is the unfinished word's, as it stands. */
export interface CandidatesWanted {
  readonly terms: MessageTerms;
  readonly term: string;
  readonly most: number;
  /** Of sealed contents together; the candidate that exceeds it is the last that is given. */
  readonly mostBytes: number;
}

/** The messages that have all of these terms, with the contents of those that do not have the other one. */
export function findCandidates(querier: Querier, look: Look, wanted: CandidatesWanted): Promise<Candidate[]> {
  const { terms, term, most, mostBytes } = wanted;
  const name = nameOf({ ...look, inConversation: look.conversationId !== null, hasWords: terms.length > 0 });
  return querier.query<Candidate>(declaredStatement(`search.candidates.${name}`), [
    ...[look.ownerId, look.from, arrayOf(terms), most, arrayOf([term]), mostBytes],
    ...(look.conversationId === null ? [] : [look.conversationId]),
  ]);
}

const arrayOf = (terms: MessageTerms) => `{${terms.join(',')}}`;
