import { randomBytes } from 'node:crypto';
import { AnswerService, type Sent } from '../../../src/answers/answer.service.js';
import type { SendMessageInput } from '../../../src/answers/answer-input.types.js';
import { Cancelling } from '../../../src/answers/cancelling.js';
import { LostAnswers } from '../../../src/answers/lost-answers.js';
import type { ModelProvider } from '../../../src/answers/model/model.js';
import { ModelCatalogue } from '../../../src/answers/model/model-catalogue.js';
import { Replicas } from '../../../src/answers/replicas.js';
import { Runs } from '../../../src/answers/runs.js';
import { ConversationService } from '../../../src/conversations/conversation.service.js';
import { entities } from '../../../src/entities.js';
import { Keyring } from '../../../src/identity/keyring.js';
import { Scope } from '../../../src/identity/scope.js';
import { defaultLimits, defaultQuotas, type Limits, type Quotas } from '../../../src/limits.js';
import type { RecentMessages } from '../../../src/messages/recent-messages.js';
import { type Clock, systemClock } from '../../../src/platform/clock.js';
import { Database, statement } from '../../../src/platform/database.js';
import { ConfiguredKeyEncryption } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { OpenedTexts } from '../../../src/platform/opened-texts.js';
import { InProcessPubSub, type PubSub } from '../../../src/platform/pubsub.js';
import { unlimited } from '../../../src/platform/rates.js';
import { Turns } from '../../../src/platform/turns.js';
import { recentInMemory } from '../../support/recent-messages.js';
import { type DictatedAnswer, DictatedModel } from './dictated-model.js';

interface JoinOptions {
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
  readonly quotas?: Partial<Quotas>;
  /** The model; {@link Instance.model} where none is given. */
  readonly provider?: ModelProvider;
  /** Told after a commit that a conversation changed; nobody where it is not given. */
  readonly onChanged?: (ownerId: string, conversationId: string) => void;
}

export interface InstanceOptions extends JoinOptions {
  readonly url: string;
  /** Where upkeep goes, should that be another way to the same database. */
  readonly upkeepUrl?: string;
  readonly poolSize?: number;
  readonly pubsub?: PubSub;
  readonly onStatement?: (name: string) => void;
}

/** What an instance stands on. */
export interface InstanceParts {
  readonly database: Database;
  readonly upkeep: Database;
  readonly pubsub: PubSub;
}

export const testKeys = new ConfiguredKeyEncryption([{ id: 'k1', key: randomBytes(32) }]);

const model = {
  ...{ id: 'dictated', name: 'Dictated', provider: 'test', contextTokens: 8192, maxOutputTokens: 1024 },
  ...{ inputMicroUsdPerMTok: null, outputMicroUsdPerMTok: null },
};

const insertUser = statement(
  'test.users.insert',
  `INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'test', $1::uuid::text, now())`,
);

/** What answers are made of, joined as the app joins it, on a real database; the model says what the test says. */
export class Instance {
  readonly model = new DictatedModel();
  readonly keyring: Keyring;
  readonly runs: Runs;
  readonly replicas: Replicas;
  readonly cancelling: Cancelling;
  readonly answers: AnswerService;
  readonly conversations: ConversationService;
  readonly turns: Turns;
  readonly recent: RecentMessages;
  /** Settles what is lost, once. */
  readonly sweep: () => Promise<void>;
  private readonly openedTexts: OpenedTexts;

  readonly database: Database;
  readonly upkeep: Database;
  readonly pubsub: PubSub;

  private constructor({ database, upkeep, pubsub }: InstanceParts, options: JoinOptions) {
    this.database = database;
    this.upkeep = upkeep;
    this.pubsub = pubsub;
    const { clock = systemClock } = options;
    const log = createLog('silent');
    const limits = { ...defaultLimits, ...options.limits };
    const { answerBytes, deltaCodeUnits } = limits;
    const { onChanged = () => undefined } = options;
    const keyring = new Keyring(database, testKeys, clock);
    this.keyring = keyring;
    this.openedTexts = new OpenedTexts(1_000_000, clock);
    this.runs = new Runs({
      database: upkeep,
      pubsub,
      keyring,
      clock,
      log,
      answerBytes,
      deltaCodeUnits,
      onChanged,
      onFinished: () => undefined,
    });
    const lost = new LostAnswers({ database: upkeep, keyring, pubsub, clock, log, onChanged });
    this.sweep = () => lost.sweep();
    this.replicas = new Replicas({ database, pubsub, keyring, clock, log, sweep: this.sweep });
    const { runs, replicas } = this;
    this.cancelling = new Cancelling({ database, pubsub, runs, replicas, clock });
    const models = new ModelCatalogue([model], model.id);
    const turns = new Turns(clock);
    this.turns = turns;
    this.recent = recentInMemory(clock);
    const { recent } = this;
    this.answers = new AnswerService({
      recent,
      ...{ database, keyring, clock, limits, models, runs, replicas, cancelling: this.cancelling, onChanged },
      ...{ rates: unlimited, turns, temporaryHours: 24 },
      answersAtATime: null,
      quotas: { ...defaultQuotas, ...options.quotas },
      providerOf: () => options.provider ?? this.model,
      instance: 'test',
    });
    this.conversations = new ConversationService({
      ...{ database, limits, knownModels: [model.id], rates: unlimited, turns, onChanged },
      temporaryHours: 24,
      onDeleted: (ownerId, { conversationIds, answerIds }) => {
        for (const id of conversationIds) onChanged(ownerId, id);
        for (const answerId of answerIds) this.cancelling.settledElsewhere(answerId);
      },
    });
  }

  static async start(options: InstanceOptions): Promise<Instance> {
    const connect = (url: string, poolSize: number) =>
      Database.connect(
        {
          ...{ url, poolSize, entities, applicationName: 'parley-tests' },
          timeouts: { connectMs: 1000, statementMs: 5000, lockMs: 2000 },
          ...(options.onStatement && { onStatement: options.onStatement }),
        },
        createLog('silent'),
      );
    const database = await connect(options.url, options.poolSize ?? 5);
    const upkeep = await connect(options.upkeepUrl ?? options.url, 3);
    return new Instance({ database, upkeep, pubsub: options.pubsub ?? new InProcessPubSub() }, options);
  }

  /** The same over parts that somebody else has opened, and closes. */
  static over(parts: InstanceParts, options: JoinOptions): Instance {
    return new Instance(parts, options);
  }

  private stopped = false;

  /** Running answers are cut off; what they hold is given back. Twice does no harm. */
  async stop(settleMs = 3000): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    await this.runs.drain(0, settleMs);
    await this.replicas.close();
    await this.pubsub.close();
    await this.database.close();
    await this.upkeep.close();
  }

  /** Stops as a crash does: nothing is settled. */
  async crash(): Promise<void> {
    await this.upkeep.close();
    await this.stop(0);
  }

  /** Somebody new, and what they ask with. */
  async person(): Promise<Scope> {
    const id = newId();
    await this.database.query(insertUser, [id]);
    await this.keyring.ensure(id);
    return this.scopeOf(id);
  }

  scopeOf(id: string): Promise<Scope> {
    const viewer = { id, email: null, department: null, roles: [], tokenExpiresAtMs: 0 };
    return Scope.open(viewer, 'test', { keyring: this.keyring, openedTexts: this.openedTexts });
  }

  send(scope: Scope, input: Partial<SendMessageInput> = {}) {
    return this.answers.send(scope, { content: 'Say something.', whenBusy: 'REJECT', ...input });
  }

  /** A send, and the model that was asked by it; one at a time. */
  async ask(scope: Scope, input: Partial<SendMessageInput> = {}): Promise<Sent & { readonly model: DictatedAnswer }> {
    const { length } = this.model.answers;
    const sent = await this.send(scope, input);
    return { ...sent, model: await this.model.asked(length) };
  }
}
