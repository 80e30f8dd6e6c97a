/**
 * The parts of a statement that move the visible branch: from the segment that begins at `segment`, which is visible up
 * to `visibleTo` then, upwards to the first visible one, each visible up to where the next forks off; what was visible
 * below that one is hidden. Only the segments between the two branches are touched. Null for `segment`: all of them are
 * hidden, since another root begins. $1 and $2 are the owner and the conversation.
 *
 * Each step up is a look-up of its own: LIMIT keeps PostgreSQL from reading all segments at every step instead.
 */
export const switching = (segment: string, visibleTo: string) => `
  path AS (
    SELECT first_position, parent_segment, fork_position, visible_to, ${visibleTo}::integer AS becomes
    FROM segments WHERE owner_id = $1 AND conversation_id = $2 AND first_position = ${segment}::integer
    UNION ALL
    SELECT above.first_position, above.parent_segment, above.fork_position, above.visible_to, path.fork_position
    FROM path
    CROSS JOIN LATERAL (
      SELECT first_position, parent_segment, fork_position, visible_to FROM segments
      WHERE owner_id = $1 AND conversation_id = $2 AND first_position = path.parent_segment
      LIMIT 1
    ) AS above
    WHERE path.visible_to IS NULL
  ), moved AS (
    SELECT first_position, becomes FROM path
    UNION ALL
    SELECT below.first_position, NULL FROM segments AS below
    WHERE below.owner_id = $1 AND below.conversation_id = $2 AND below.visible_to IS NOT NULL
      AND below.first_position > coalesce((SELECT first_position FROM path WHERE visible_to IS NOT NULL), 0)
  ), switched AS (
    UPDATE segments SET visible_to = moved.becomes
    FROM moved
    WHERE segments.owner_id = $1 AND segments.conversation_id = $2
      AND segments.first_position = moved.first_position
  )`;
