// Parts of the statements that look for conversations by title. How many titles say a word no plan can know, so it is
// counted first. Of few, the index of terms gives the conversations. Many would have to be read and sorted whole to give
// one page: walking the list meets it sooner, looking up the title of each.

const most = 1000;

// Terms alone say whose they are. The owner stands in a form that no index has: to read all titles of an owner, only to
// meet what the terms have found, would cost more than all the rest.
const having = (terms: string) => `
  SELECT title.conversation_id FROM conversation_titles AS title
  WHERE title.terms @> ${terms}::bytea[] AND (title.owner_id = $1) IS TRUE`;

/** What the other parts need before the statement that they stand in; $1 is the owner, `terms` another value. */
export const lookingForTitles = (terms: string) => `
  WITH found AS MATERIALIZED (
    ${having(terms)} LIMIT ${most + 1}
  ), amount AS MATERIALIZED (
    SELECT count(*) > ${most} AS is_large FROM found
  )`;

/** To select conversations from: where titles are few, those that have them, else none. OFFSET 0: found by their key. */
export const fewTitled = `
  found CROSS JOIN LATERAL (
    SELECT * FROM conversations WHERE owner_id = $1 AND id = found.conversation_id AND NOT (SELECT is_large FROM amount)
    OFFSET 0
  ) AS conversation`;

/** For a walk through conversations: where titles are many, has the conversation one of them? Else none has. */
export const isOneOfMany = (terms: string) => `
  (SELECT is_large FROM amount) AND (
    SELECT title.terms @> ${terms}::bytea[] FROM conversation_titles AS title
    WHERE title.owner_id = $1 AND title.conversation_id = conversation.id
  )`;

/** The same for all conversations there are: the titles are read once, and kept to be looked up. */
export const isAnyOfMany = (terms: string) => `
  (SELECT is_large FROM amount) AND (conversation.id IN (${having(terms)})) IS TRUE`;
