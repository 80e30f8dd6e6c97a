import { quotaUsedUp } from '../errors.js';
import type { QuotaName, Quotas } from '../limits.js';
import type { Reservation } from './reservation.js';
import { today } from './usage-row.js';

/** How much of their quotas an owner has used today, and what their running answers hold back. */
export interface QuotaStanding {
  readonly usedTokens: number;
  readonly usedMicroUsd: number;
  readonly reservedTokens: number;
  readonly reservedMicroUsd: number;
  /** Until the next day in UTC, by the database's clock. */
  readonly msLeftToday: number;
}

/**
 * A QuotaStanding of the owner $1 as JSON; null where `wanted` is not so, which then costs nothing. Runs become rows of
 * usage_days in one transaction, so this one look sees each answer once.
 */
export const quotaStanding = (wanted: string): string => `
  CASE WHEN ${wanted} THEN (
    SELECT json_build_object(
      'usedTokens', used.tokens, 'usedMicroUsd', used.micro_usd,
      'reservedTokens', reserved.tokens, 'reservedMicroUsd', reserved.micro_usd,
      'msLeftToday', ceil(1000 * extract(epoch FROM ${today} + interval '1 day' - (now() AT TIME ZONE 'UTC')))::integer)
    FROM (
      SELECT coalesce(sum(prompt_tokens + completion_tokens + estimated_tokens), 0) AS tokens,
        coalesce(sum(cost_micro_usd + estimated_cost_micro_usd), 0) AS micro_usd
      FROM usage_days WHERE owner_id = $1 AND day = ${today}
    ) AS used CROSS JOIN (
      SELECT coalesce(sum(reserved_prompt_tokens::bigint + reserved_completion_tokens), 0) AS tokens,
        coalesce(sum(reserved_prompt_micro_usd::bigint + reserved_completion_micro_usd), 0) AS micro_usd
      FROM answer_runs WHERE owner_id = $1
    ) AS reserved
  ) END`;

/** Is any of them set? */
export const anyQuota = (quotas: Quotas): boolean => Object.values(quotas).some((quota) => quota !== null);

/** While running answers alone stand in the way: one of them may end at any time, and use less than it reserved. */
const runningMs = 1000;

/** @throws RATE_LIMITED, naming the quota, where one more answer might not fit into what is left of it today */
export function checkQuotas(quotas: Quotas, standing: QuotaStanding, wanted: Reservation): void {
  const { usedTokens, usedMicroUsd, reservedTokens, reservedMicroUsd, msLeftToday } = standing;
  const check = (name: QuotaName, used: number, reserved: number, more: number) => {
    const most = quotas[name];
    if (most === null || used + reserved + more <= most) return;
    const waitMs = used + more <= most ? Math.min(runningMs, msLeftToday) : msLeftToday;
    throw quotaUsedUp(name, waitMs, more > most);
  };
  check('tokensPerDay', usedTokens, reservedTokens, wanted.promptTokens + wanted.completionTokens);
  check('costMicroUsdPerDay', usedMicroUsd, reservedMicroUsd, wanted.promptMicroUsd + wanted.completionMicroUsd);
}
