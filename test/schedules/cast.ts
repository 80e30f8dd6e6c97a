import { makeConversationLoaders } from '../../src/conversations/conversation.loaders.js';
import { defaultLimits } from '../../src/limits.js';
import { ChangeHints } from '../../src/live/change-hints.js';
import { ChangeWatch } from '../../src/live/change-watch.js';
import { LiveResolver } from '../../src/live/live.resolver.js';
import { LiveService } from '../../src/live/live.service.js';
import { makeMessageLoaders } from '../../src/messages/message.loaders.js';
import { MessageService } from '../../src/messages/message.service.js';
import type { Database } from '../../src/platform/database.js';
import { createLog } from '../../src/platform/log.js';
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
  readonly messages: MessageService;
  readonly live: LiveResolver;
  /** What an operation of this instance reads with. */
  readonly loaders: {
    readonly conversations: ReturnType<typeof makeConversationLoaders>;
    readonly messages: ReturnType<typeof makeMessageLoaders>;
  };
  private readonly hints: ChangeHints;
  private readonly watch: ChangeWatch;
  /** It takes no more work. */
  drained = false;
  /** Its sockets are closed. */
  closed = false;
  /** What ends its followers' subscriptions, as a closing socket does. */
  readonly leaving = new Set<() => Promise<unknown>>();

  constructor(
    readonly name: string,
    parts: {
      database: Database;
      schedule: Schedule;
      bus: ScheduledBus;
      model: ScheduledModel;
      faults: Faults;
      hints: boolean;
    },
  ) {
    const { database, schedule, bus, model, faults } = parts;
    schedule.addClock(name, this.clock);
    this.pubsub = new ScheduledPubSub(name, bus, this.clock);
    this.hints = new ChangeHints(this.pubsub, this.clock);
    const requests = scheduledDatabase(database, schedule, `${name} requests`, faults);
    const upkeep = scheduledDatabase(database, schedule, `${name} upkeep`, faults);
    const onChanged = parts.hints ? this.hints.say : () => undefined;
    const { clock, pubsub } = this;
    const options = { clock, provider: model.providerOf(name), onChanged };
    this.instance = Instance.over({ database: requests, upkeep, pubsub }, options);
    const { recent, runs, replicas } = this.instance;
    this.watch = new ChangeWatch({ database: requests, pubsub, clock, log: createLog('silent') });
    this.messages = new MessageService({ database: requests, limits: defaultLimits, recent, onChanged });
    const { deltaCodeUnits } = defaultLimits;
    const live = new LiveService({ database: requests, watch: this.watch, runs, replicas, clock, deltaCodeUnits });
    this.loaders = {
      conversations: makeConversationLoaders(requests),
      messages: makeMessageLoaders(requests, recent),
    };
    this.live = new LiveResolver(live, this.loaders.conversations, this.loaders.messages);
  }

  /** Ends what it writes, then what it follows; like a stop, but for its connections. */
  async drain(graceMs: number): Promise<void> {
    this.drained = true;
    await this.instance.runs.drain(graceMs, 60_000);
    this.closed = true;
    await Promise.all([...this.leaving].map((leave) => leave()));
    await this.watch.close();
    this.hints.close();
    await this.instance.replicas.close();
    await this.pubsub.close();
  }
}
