/** What an answer may use, by estimate; costs are zero where the model's price is not known. */
export interface Reservation {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Millionths of a US dollar. */
  readonly promptMicroUsd: number;
  readonly completionMicroUsd: number;
}

/** What was reported of an answer; null where it was not. */
export interface Reported {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costMicroUsd: number | null;
}

export const nothingReported: Reported = { promptTokens: null, completionTokens: null, costMicroUsd: null };

/** What an answer counts in quotas beside what was reported of it. */
export interface Estimate {
  readonly tokens: number;
  readonly costMicroUsd: number;
}

/** A run that has ended, as its row was: what it held back, and on whose account. */
export interface EndedRun extends Reservation {
  /** As the token said when the answer was asked for; null where it did not. */
  readonly department: string | null;
}

/** What an answer came to, by estimate. */
export type Supposed = Pick<Reservation, 'promptTokens' | 'completionTokens'>;

/**
 * Estimates what was not reported, so that a quota cannot be passed by cancelling each answer before its end. The
 * reservation ends with this, however little of it was used.
 */
export function estimateUnreported(reserved: Reservation, reported: Reported, supposed: Supposed): Estimate {
  const promptTokens = reported.promptTokens ?? supposed.promptTokens;
  const completionTokens = reported.completionTokens ?? supposed.completionTokens;
  const cost =
    priced(reserved.promptMicroUsd, reserved.promptTokens, promptTokens) +
    priced(reserved.completionMicroUsd, reserved.completionTokens, completionTokens);
  return {
    tokens: promptTokens - (reported.promptTokens ?? 0) + completionTokens - (reported.completionTokens ?? 0),
    costMicroUsd: reported.costMicroUsd === null ? cost : 0,
  };
}

export const nothingEstimated: Estimate = { tokens: 0, costMicroUsd: 0 };

/** By the price that was reserved at: who settles an answer may know other prices, or not its model at all. */
const priced = (reservedMicroUsd: number, reservedTokens: number, tokens: number) =>
  reservedTokens === 0 ? 0 : Math.ceil((reservedMicroUsd * tokens) / reservedTokens);
