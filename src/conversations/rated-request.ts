import { ParleyError } from '../errors.js';
import type { Database } from '../platform/database.js';
import type { Rate, Rates } from '../platform/rates.js';
import { claimRequest, type RequestClaim } from './request.repository.js';

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
  deps: { readonly rates: Rates; readonly database: Database },
  { rate, claim, clientKey }: RatedRequest,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  let taken = true;
  try {
    await deps.rates.take(rate, claim.ownerId);
  } catch (error) {
    const isRefused = error instanceof ParleyError && error.code === 'RATE_LIMITED';
    if (!isRefused || clientKey === null) throw error;
    await checkUsed(deps.database, claim, error);
    taken = false;
  }
  const outcome = await work();
  if (taken && outcome.replayed) await deps.rates.giveBack(rate, claim.ownerId);
  return outcome;
}

/**
 * Throws `refusal` where the key was not used before. A look-up would not see a first request that is still under way;
 * a claim waits for it, and is rolled back where there was none.
 */
async function checkUsed(database: Database, claim: RequestClaim, refusal: ParleyError): Promise<void> {
  await database.transaction(async (tx) => {
    if ((await claimRequest(tx, claim)).claimed) throw refusal;
  });
}
