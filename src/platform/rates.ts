import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { rateLimited } from '../errors.js';

/** What a person can do only so often. */
export type Rate = 'conversations' | 'sends' | 'searches';

/** How often a person may do each thing in a minute. */
export type RatesPerMinute = Readonly<Record<Rate, number>>;

/** How often a person may do a thing. */
export interface Rates {
  /** Takes a point. @throws RATE_LIMITED, with the milliseconds until there is one; then none was taken. */
  take(rate: Rate, ownerId: string): Promise<void>;
  /** Gives a point back: what it was taken for did nothing. Never rejects. */
  giveBack(rate: Rate, ownerId: string): Promise<void>;
  close(): Promise<void>;
}

/** For RATE_LIMITS=off. */
export const unlimited: Rates = {
  take: async () => undefined,
  giveBack: async () => undefined,
  close: async () => undefined,
};

export const minuteSeconds = 60;

const names: Readonly<Record<Rate, string>> = {
  conversations: 'new conversations',
  sends: 'questions',
  searches: 'searches',
};

/** What a limiter says by rejecting: a refusal; anything else is its own failure. */
export function refusalOf(rate: Rate, thrown: unknown): Error | null {
  return thrown instanceof RateLimiterRes ? rateLimited(names[rate], thrown.msBeforeNext) : null;
}

/** Rates of one instance alone, kept in memory. */
export class MemoryRates implements Rates {
  private readonly limiters: Readonly<Record<Rate, RateLimiterMemory>>;

  constructor(perMinute: RatesPerMinute) {
    const limiter = (rate: Rate) =>
      new RateLimiterMemory({ keyPrefix: rate, points: perMinute[rate], duration: minuteSeconds });
    this.limiters = {
      conversations: limiter('conversations'),
      sends: limiter('sends'),
      searches: limiter('searches'),
    };
  }

  async take(rate: Rate, ownerId: string): Promise<void> {
    await this.limiters[rate].consume(ownerId).catch(async (thrown: unknown) => {
      // A limiter counts what it refuses, too: what is given back later would still be missing.
      await this.giveBack(rate, ownerId);
      throw refusalOf(rate, thrown) ?? thrown;
    });
  }

  async giveBack(rate: Rate, ownerId: string): Promise<void> {
    await this.limiters[rate].reward(ownerId);
  }

  /** Its timers do not keep the process alive, and end by themselves. */
  async close(): Promise<void> {}
}
