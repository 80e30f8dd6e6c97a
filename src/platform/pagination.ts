import { badUserInput } from '../errors.js';
import type { PageArguments } from './page.types.js';

/** What they ask for: at most `limit`, from one end of what lies between two cursors, in the connection's order. */
export interface PageRequest {
  readonly from: 'start' | 'end';
  readonly limit: number;
  readonly after: string | null;
  readonly before: string | null;
}

/**
 * @param unsaid what is asked for with neither `first` nor `last`
 * @throws BAD_USER_INPUT for both of them, or one outside 1 to `maxLimit`
 */
export function readPage(
  { first, after, last, before }: PageArguments,
  unsaid: Pick<PageRequest, 'from' | 'limit'>,
  maxLimit: number,
): PageRequest {
  const cursors = { after: after ?? null, before: before ?? null };
  if (isGiven(first) && isGiven(last)) throw badUserInput('last', 'Ask for first or for last, not for both.');
  if (isGiven(first)) return { ...cursors, from: 'start', limit: checkLimit('first', first, maxLimit) };
  if (isGiven(last)) return { ...cursors, from: 'end', limit: checkLimit('last', last, maxLimit) };
  return { ...cursors, ...unsaid };
}

const isGiven = (value: number | null | undefined): value is number => value !== null && value !== undefined;

function checkLimit(field: string, limit: number, maxLimit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw badUserInput(field, `${field} is a whole number from 1 to ${maxLimit}.`);
}
