/**
 * The parts of a statement that move the visible branch: from the segment that begins at `segment`, which is visible up
 * to `visibleTo` then, upwards to the first visible one, each visible up to where the next forks off; what was visible
 * below that one is hidden. Only the segments between the two branches are touched. Null for `segment`: all of them are
 * hidden, since another root begins. $1 and $2 are the owner and the conversation.
 */
export const switching = (segment: string, visibleTo: string) => `
  path AS (
    SELECT first_position, parent_segment, fork_position, visible_to, ${visibleTo}::integer AS becomes
    FROM segments WHERE owner_id = $1 AND conversation_id = $2 AND first_position = ${segment}::integer
    UNION ALL
    SELECT above.first_position, above.parent_segment, above.fork_position, above.visible_to, path.fork_position
    FROM path
    JOIN segments AS above
      ON above.owner_id = $1 AND above.conversation_id = $2 AND above.first_position = path.parent_segment
    WHERE path.visible_to IS NULL
  ), switched AS (
    UPDATE segments
    SET visible_to = (SELECT becomes FROM path WHERE path.first_position = segments.first_position)
    WHERE owner_id = $1 AND conversation_id = $2 AND first_position IN (
      SELECT first_position FROM path
      UNION ALL
      SELECT below.first_position FROM segments AS below
      WHERE below.owner_id = $1 AND below.conversation_id = $2 AND below.visible_to IS NOT NULL
        AND below.first_position > coalesce((SELECT first_position FROM path WHERE visible_to IS NOT NULL), 0)
    )
  )`;
