import { describe, expect, it } from '@jest/globals';
import { ParleyError } from '../../../src/errors.js';
import { checkQuotas, type QuotaStanding } from '../../../src/usage/quota.js';
import { estimateUnreported } from '../../../src/usage/reservation.js';

const reserved = { promptTokens: 10, completionTokens: 100, promptMicroUsd: 5, completionMicroUsd: 200 };

describe('What was not reported', () => {
  const supposed = { promptTokens: 8, completionTokens: 20 };
  it.each([
    ['nothing reported', null, null, null, { tokens: 28, costMicroUsd: 4 + 40 }],
    ['all reported', 7, 30, 99, { tokens: 0, costMicroUsd: 0 }],
    ['a reported nought is no unknown', 0, 0, 0, { tokens: 0, costMicroUsd: 0 }],
    ['the prompt alone', 6, null, null, { tokens: 20, costMicroUsd: 3 + 40 }],
    ['the text alone', null, 50, null, { tokens: 8, costMicroUsd: 4 + 100 }],
    ['tokens without their cost', 6, 50, null, { tokens: 0, costMicroUsd: 3 + 100 }],
  ])('is estimated: %s', (_what, promptTokens, completionTokens, costMicroUsd, estimate) => {
    const reported = { promptTokens, completionTokens, costMicroUsd };
    expect(estimateUnreported(reserved, reported, supposed)).toEqual(estimate);
  });

  it('costs nothing where nothing was reserved, as by a model without prices', () => {
    const nothing = { promptTokens: 0, completionTokens: 0, promptMicroUsd: 0, completionMicroUsd: 0 };
    const unknown = { promptTokens: null, completionTokens: null, costMicroUsd: null };
    expect(estimateUnreported(nothing, unknown, supposed)).toEqual({ tokens: 28, costMicroUsd: 0 });
  });
});

describe('A quota', () => {
  const standing = (over: Partial<QuotaStanding>): QuotaStanding => ({
    ...{ usedTokens: 0, usedMicroUsd: 0, reservedTokens: 0, reservedMicroUsd: 0, msLeftToday: 5000 },
    ...over,
  });

  function refusal(over: Partial<QuotaStanding>) {
    try {
      checkQuotas({ tokensPerDay: 1000, costMicroUsdPerDay: 2000 }, standing(over), reserved);
      return null;
    } catch (error) {
      return error instanceof ParleyError ? error.extensions : error;
    }
  }

  it.each([
    [{ usedTokens: 890 }, null],
    [{ usedTokens: 891 }, { quota: 'tokensPerDay', retryAfterMs: 5000 }],
    [{ usedTokens: 500, reservedTokens: 390 }, null],
    [
      { usedTokens: 500, reservedTokens: 391 },
      { quota: 'tokensPerDay', retryAfterMs: 1000 },
    ],
    [
      { usedTokens: 500, reservedTokens: 391, msLeftToday: 20 },
      { quota: 'tokensPerDay', retryAfterMs: 20 },
    ],
    [{ usedMicroUsd: 1795 }, null],
    [{ usedMicroUsd: 1796 }, { quota: 'costMicroUsdPerDay', retryAfterMs: 5000 }],
  ])('with %j: %j', (over, expected) => {
    const extensions = refusal(over);
    expect(extensions).toEqual(expected && { code: 'RATE_LIMITED', ...expected });
  });

  it('that one answer alone may take more than says so: waiting helps nobody', () => {
    const refused = () => checkQuotas({ tokensPerDay: 109, costMicroUsdPerDay: null }, standing({}), reserved);
    expect(refused).toThrow('One such answer may take more than the quota tokensPerDay allows in a day');
  });

  it('that is off refuses nothing', () => {
    const used = standing({ usedTokens: 1e12, usedMicroUsd: 1e12 });
    expect(checkQuotas({ tokensPerDay: null, costMicroUsdPerDay: null }, used, reserved)).toBeUndefined();
  });
});
