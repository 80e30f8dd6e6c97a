import { badUserInput } from '../errors.js';
import type { Instant } from '../platform/instant.js';

/** Days in UTC, from the first one up to the end, which is not among them; as PostgreSQL reads dates. */
export interface Period {
  readonly firstDay: string;
  readonly endDay: string;
}

/**
 * The days that [from, to) touches, even in part; null bounds are open. Nothing lies between two equal bounds.
 * @throws BAD_USER_INPUT where it ends before it begins
 */
export function readPeriod(from: Instant | null, to: Instant | null): Period {
  if (from !== null && to !== null) {
    if (to < from) throw badUserInput('to', 'to is before from; a period begins with from and ends before to.');
    if (to === from) return { firstDay: dayOf(from), endDay: dayOf(from) };
  }
  return {
    firstDay: from === null ? '-infinity' : dayOf(from),
    endDay: to === null ? 'infinity' : dayOf(to, to.endsWith(midnight) ? 0 : 1),
  };
}

const midnight = 'T00:00:00.000Z';
const dayMs = 24 * 60 * 60_000;

function dayOf(instant: Instant, daysLater = 0): string {
  const text = new Date(Date.parse(instant) + daysLater * dayMs).toISOString();
  // After the year 9999, which PostgreSQL would write otherwise.
  return text.startsWith('+') ? 'infinity' : text.slice(0, -midnight.length);
}
