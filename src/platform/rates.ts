/** What a person can do only so often. */
export type Rate = 'conversations' | 'sends';

/** How often a person may do a thing. */
export interface Rates {
  /** Takes a point. @throws RATE_LIMITED, with the milliseconds until there is one. */
  take(rate: Rate, ownerId: string): Promise<void>;
  /** Gives a point back: what it was taken for did nothing. Never rejects. */
  giveBack(rate: Rate, ownerId: string): Promise<void>;
}

/** For RATE_LIMITS=off. */
export const unlimited: Rates = {
  take: async () => undefined,
  giveBack: async () => undefined,
};
