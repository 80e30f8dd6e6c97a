import { RecentMessages } from '../../src/messages/recent-messages.js';
import { type Clock, systemClock } from '../../src/platform/clock.js';
import { MemoryRecentLists } from '../../src/platform/recent-lists.js';

/** As an instance without Redis keeps them. */
export const recentInMemory = (clock: Clock = systemClock): RecentMessages =>
  new RecentMessages(new MemoryRecentLists(1024 * 1024, clock));
