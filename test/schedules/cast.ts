import type { Database } from '../../src/platform/database.js';
import { Instance } from '../integration/answers/instance.js';
import { ManualClock } from '../support/manual-clock.js';
import type { Schedule } from './schedule.js';
import { type Faults, scheduledDatabase } from './scheduled-database.js';
import type { ScheduledModel } from './scheduled-model.js';
import { type ScheduledBus, ScheduledPubSub } from './scheduled-pubsub.js';

/** One instance of a schedule, all of whose waits are the schedule's. */
export class CastMember {
  readonly clock = new ManualClock();
  readonly instance: Instance;
  readonly pubsub: ScheduledPubSub;
  /** It takes no more work. */
  drained = false;
  /** Its sockets are closed. */
  closed = false;
  /** What ends its followers' subscriptions, as a closing socket does. */
  readonly leaving = new Set<() => Promise<unknown>>();

  constructor(
    readonly name: string,
    parts: { database: Database; schedule: Schedule; bus: ScheduledBus; model: ScheduledModel; faults: Faults },
  ) {
    const { database, schedule, bus, model, faults } = parts;
    schedule.addClock(name, this.clock);
    this.pubsub = new ScheduledPubSub(name, bus, this.clock);
    this.instance = Instance.over(
      {
        database: scheduledDatabase(database, schedule, `${name} requests`, faults),
        upkeep: scheduledDatabase(database, schedule, `${name} upkeep`, faults),
        pubsub: this.pubsub,
      },
      { clock: this.clock, provider: model.providerOf(name) },
    );
  }

  /** Ends what it writes, then what it follows; like a stop, but for its connections. */
  async drain(graceMs: number): Promise<void> {
    this.drained = true;
    await this.instance.runs.drain(graceMs, 60_000);
    this.closed = true;
    await Promise.all([...this.leaving].map((leave) => leave()));
    await this.instance.replicas.close();
    await this.pubsub.close();
  }
}
