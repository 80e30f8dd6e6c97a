import { appendAuditEvents } from '../audit/audit.repository.js';
import { badUserInput, unauthenticated } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { greatestRetentionDays } from '../limits.js';
import type { Database } from '../platform/database.js';
import { findOwnRetention, setOwnRetention } from './retention.repository.js';

export interface RetentionServiceDeps {
  readonly database: Database;
  /** The server's days; null: it keeps everything. */
  readonly serverDays: number | null;
}

/** After how many days of inactivity conversations are deleted. */
export class RetentionService {
  constructor(private readonly deps: RetentionServiceDeps) {}

  /** What is in force for a person: their own days or the server's, whichever are fewer; null: all is kept. */
  async inForce(scope: Scope): Promise<number | null> {
    const { database, serverDays } = this.deps;
    const own = await findOwnRetention(database, scope.keys.ownerId);
    return own === null || serverDays === null ? (own ?? serverDays) : Math.min(own, serverDays);
  }

  /**
   * A person's own choice; null goes back to the server's.
   * @throws BAD_USER_INPUT where it is less than a day, or longer than the server keeps anything
   */
  async set({ keys }: Scope, days: number | null): Promise<void> {
    const most = this.deps.serverDays ?? greatestRetentionDays;
    if (days !== null && (days < 1 || days > most)) {
      throw badUserInput('days', `days is a whole number from 1 to ${most}; null is the server's choice.`);
    }
    await this.deps.database.transaction(async (tx) => {
      const changed = await setOwnRetention(tx, keys.ownerId, days);
      if (changed === null) throw unauthenticated();
      if (changed) {
        await appendAuditEvents(tx, keys.pseudonym, [{ action: 'retention.set', targetId: null, details: { days } }]);
      }
    });
  }
}
