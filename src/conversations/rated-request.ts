import { ParleyError } from '../errors.js';
import type { Querier } from '../platform/database.js';
import type { Rate, Rates } from '../platform/rates.js';
import { findRequest, type RequestClaim } from './request.repository.js';

export interface RatedRequest {
  readonly rate: Rate;
  readonly claim: RequestClaim;
  /** Null where the key is one of our own, which nobody has used before. */
  readonly clientKey: string | null;
}

/**
 * Takes a point for what may be done only so often, before any transaction. A key that was used before costs none: it is
 * let through where there are none left, and gives its point back.
 * @throws RATE_LIMITED
 */
export async function takingPoint<Outcome extends { readonly replayed: boolean }>(
  deps: { readonly rates: Rates; readonly database: Querier },
  { rate, claim, clientKey }: RatedRequest,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  let taken = true;
  try {
    await deps.rates.take(rate, claim.ownerId);
  } catch (error) {
    const isRefused = error instanceof ParleyError && error.code === 'RATE_LIMITED';
    if (!isRefused || clientKey === null || !(await findRequest(deps.database, claim))) throw error;
    taken = false;
  }
  const outcome = await work();
  if (taken && outcome.replayed) await deps.rates.giveBack(rate, claim.ownerId);
  return outcome;
}
