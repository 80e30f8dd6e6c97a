import { isParleyError, type ParleyError, unavailable } from '../errors.js';
import { type Database, isSilent } from '../platform/database.js';
import type { Rate, Rates } from '../platform/rates.js';
import type { Turns } from '../platform/turns.js';
import { claimRequest, type RequestClaim } from './request.repository.js';

export interface RatedRequest {
  readonly rate: Rate;
  readonly claim: RequestClaim;
  /** Null where the key is one of our own, which nobody has used before. */
  readonly clientKey: string | null;
}

export interface RatedRequestDeps {
  readonly rates: Rates;
  readonly database: Database;
  /** One request of a key after the other: a crowd of replays neither uses the points up nor holds connections. */
  readonly turns: Turns;
}

const waitMs = 10_000;

/**
 * Takes a point for what may be done only so often, before any transaction. A key that was used before costs none: it is
 * let through where there are none left, and gives its point back.
 * @throws RATE_LIMITED
 */
export function takingPoint<Outcome extends { readonly replayed: boolean }>(
  deps: RatedRequestDeps,
  rated: RatedRequest,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const { clientKey, claim } = rated;
  if (clientKey === null) return takingPointNow(deps, rated, work);
  const line = `key ${claim.ownerId}/${claim.key.toString('base64')}`;
  return deps.turns.take({ line, width: 1, waitMs, late: unavailable, endsLine: isSilent }, () =>
    takingPointNow(deps, rated, work),
  );
}

async function takingPointNow<Outcome extends { readonly replayed: boolean }>(
  deps: RatedRequestDeps,
  { rate, claim, clientKey }: RatedRequest,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  let taken = true;
  try {
    await deps.rates.take(rate, claim.ownerId);
  } catch (error) {
    const isRefused = isParleyError(error, 'RATE_LIMITED');
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
