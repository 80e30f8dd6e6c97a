import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../src/platform/clock.js';
import {
  AnswerFollower,
  ClientText,
  type FollowOptions,
  type StoredAnswer,
  storedFields,
} from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import type { GraphqlBodyError } from '../../support/http-client.js';
import type { ModelCall, ModelReply } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { quickClock } from '../../support/quick-clock.js';
import { freePort } from '../../support/redis-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { until } from '../../support/until.js';

/** Where an answer is followed, seen from where it is written. */
export interface Arrangement {
  readonly name: string;
  readonly redis: 'none' | 'there' | 'gone';
  /** Does the follower stand at another instance than the writer? */
  readonly apart: boolean;
  /** Is the follower's instance stopped in order, and started again, before anybody reads on? */
  readonly restarts: boolean;
  /** How many times as fast the instances' timers run as they should: where much is waited for. */
  readonly pace: number;
  /** How far behind the writer a follower may be. */
  readonly behindMs: number;
  /** After how long a cancel from the follower's instance has closed the model's connection. */
  readonly cancelMs: number;
}

const near = { restarts: false, pace: 1, behindMs: 1000, cancelMs: 1000 } as const;

export const arrangements = {
  inProcess: { name: 'in one process', redis: 'none', apart: false, ...near },
  beside: { name: "with Redis, at the writer's instance", redis: 'there', apart: false, ...near },
  apart: { name: 'with Redis, at another instance', redis: 'there', apart: true, ...near },
  restarted: { name: 'at an instance that is started again', redis: 'there', apart: true, ...near, restarts: true },
  withoutRedis: {
    ...{ name: 'with Redis gone, at another instance', redis: 'gone', apart: true, restarts: false, pace: 4 },
    ...{ behindMs: 2000, cancelMs: 2000 },
  },
} as const satisfies Readonly<Record<string, Arrangement>>;

/** A question that was sent, and who asked, at both instances. */
export interface Asked {
  readonly atWriter: Person;
  readonly atReader: Person;
  readonly conversationId: string;
  readonly questionId: string;
  readonly answerId: string;
  readonly call: Promise<ModelCall>;
}

interface Sent {
  readonly sendMessage: {
    readonly conversation: { readonly id: string };
    readonly message: { readonly id: string };
    readonly answer: { readonly id: string };
  };
}

const send = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { conversation { id } message { id } answer { id } }
}`;
const read = `query ($id: ID!) { message(id: $id) { ${storedFields} } }`;

/** The instances of one arrangement, a model that does as it is told, and everyone who follows. */
export class Stage {
  private readonly followers: AnswerFollower[] = [];
  /** In the order of their starts: the first has made the database. */
  private readonly started: TestApp[];

  private constructor(
    readonly arrangement: Arrangement,
    private readonly clock: Clock,
    private readonly model: ScriptedModel,
    private writer: TestApp,
    public reader: TestApp,
  ) {
    this.started = writer === reader ? [writer] : [writer, reader];
  }

  static async open(arrangement: Arrangement): Promise<Stage> {
    const model = await ScriptedModel.start();
    const { redis, apart } = arrangement;
    const gone = redis === 'gone' ? { REDIS_URL: `redis://127.0.0.1:${await freePort()}` } : {};
    const clock = quickClock(arrangement.pace);
    const env = { ...model.env, LIMITS: patience, ...gone };
    const writer = await startApp({ redis: redis === 'there', env, clock });
    const reader = apart ? await startApp({ beside: writer, clock }) : writer;
    return new Stage(arrangement, clock, model, writer, reader);
  }

  /** Asks something new, of a new person where none is named. */
  async ask(reply: ModelReply, name: string = randomUUID(), input: object = {}): Promise<Asked> {
    const question = randomUUID();
    this.model.answer(question, reply);
    const atWriter = this.writer.person(name);
    const { sendMessage: sent } = await atWriter.data<Sent>(send, { input: { content: question, ...input } });
    return {
      atWriter,
      atReader: this.reader.person(name),
      conversationId: sent.conversation.id,
      questionId: sent.message.id,
      answerId: sent.answer.id,
      call: this.model.call(question),
    };
  }

  /** Follows at the reader's instance. */
  async follow(asked: Asked, options?: FollowOptions): Promise<AnswerFollower> {
    return this.followAs(asked.atReader, asked.answerId, options);
  }

  async followAs(person: Person, id: string, options?: FollowOptions): Promise<AnswerFollower> {
    const reconnects = this.arrangement.restarts;
    const follower = await AnswerFollower.open(person, id, { reconnects, ...options });
    this.followers.push(follower);
    return follower;
  }

  /** What happens, in some arrangements, before anybody reads on: those who follow there connect again. */
  async meanwhile(): Promise<void> {
    if (this.arrangement.restarts) await this.restart('reader');
  }

  /** Stops an instance in order, and starts it again in its place. */
  async restart(which: 'writer' | 'reader'): Promise<void> {
    const before = this[which];
    await before.stop();
    const env = { PORT: new URL(before.url).port };
    const after = await startApp({ beside: before, env, clock: this.clock });
    this.started.push(after);
    if (this.writer === before) this.writer = after;
    if (this.reader === before) this.reader = after;
  }

  /** The errors with which a subscription is refused; throws where it is not. */
  async refusal(person: Person, id: string, after?: string): Promise<readonly GraphqlBodyError[]> {
    const follower = await AnswerFollower.open(person, id, after === undefined ? {} : { after });
    try {
      await follower.ended();
      if (follower.deltas.length > 0 || follower.finished) throw new Error('It was not refused.');
      return follower.errors;
    } finally {
      follower.close();
    }
  }

  /** The answer as a query gives it at the reader's instance. */
  async read({ atReader, answerId }: Asked): Promise<StoredAnswer> {
    const { message } = await atReader.data<{ message: StoredAnswer | null }>(read, { id: answerId });
    if (!message) throw new Error('The answer is not there.');
    return message;
  }

  /** The same, once so much of the running answer is durable. */
  async readAtLeast(asked: Asked, content: string): Promise<StoredAnswer> {
    return await until(`a read gives "${content}"`, async () => {
      const answer = await this.read(asked);
      return answer.content.startsWith(content) ? answer : null;
    });
  }

  /** The answer once it has a final state. */
  async settled(asked: Asked): Promise<StoredAnswer> {
    return await until('the answer is settled', async () => {
      const answer = await this.read(asked);
      return answer.status === 'STREAMING' ? null : answer;
    });
  }

  /** Goes on where a follower stands, with its cursor and what it has. */
  async goOn(asked: Asked, from: AnswerFollower): Promise<AnswerFollower> {
    await this.meanwhile();
    return this.follow(asked, { after: from.cursor, text: new ClientText(from.text) });
  }

  /** For `afterEach`. */
  leaveAll(): void {
    for (const follower of this.followers.splice(0)) follower.close();
  }

  async close(): Promise<void> {
    this.leaveAll();
    for (const app of this.started.reverse()) await app.close();
    await this.model.stop();
  }
}
