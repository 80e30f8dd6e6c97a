import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AnswerFollower } from '../../support/answer-follower.js';
import { atMost } from '../../support/at-most.js';
import { append, create, send } from '../../support/conversations.js';
import { answered } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { Stalls } from '../../support/stalls.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from '../live/conversation-device.js';
import { RedisStage } from './redis-stage.js';
import { Arrivals, percentile, TimedSpeech } from './timed-speech.js';

/** What may happen to a Redis, and what ends it. */
interface Outage {
  readonly what: string;
  /** How many are followed meanwhile; without any, nothing is said that would tell of the outage. */
  readonly answers?: number;
  readonly begin: (stage: RedisStage) => Promise<void>;
  readonly end: (stage: RedisStage) => Promise<void>;
}

const outages: readonly Outage[] = [
  { what: 'killed', begin: (stage) => stage.killRedis(), end: (stage) => stage.startRedis() },
  {
    what: 'half-open, so that it accepts and answers nothing',
    begin: async ({ proxy }) => proxy.silence(),
    end: ({ proxy }) => proxy.restore(),
  },
  {
    what: 'half-open, while no answer runs',
    answers: 0,
    begin: async ({ proxy }) => proxy.silence(),
    end: ({ proxy }) => proxy.restore(),
  },
  {
    what: 'slow, so that each command takes longer than its timeout',
    begin: async ({ proxy }) => proxy.slow(400),
    end: ({ proxy }) => proxy.restore(),
  },
  {
    what: 'full',
    begin: (stage) => stage.configure('maxmemory', '1'),
    end: (stage) => stage.configure('maxmemory', '0'),
  },
  {
    what: 'restarted',
    begin: async (stage) => {
      await stage.killRedis();
      await stage.startRedis();
    },
    end: async () => undefined,
  },
];

const behindMs = 2000;
const liveMs = 400;
const backWithinMs = 5000;
const outageMs = 4500;
const answersAtATime = 3;

let folder: TemporaryFolder;
let model: ScriptedModel;
const stalls = new Stalls();

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
});
afterAll(async () => {
  stalls.end();
  await model?.stop();
  await folder?.remove();
});

function lasted(ms: number): Promise<unknown> {
  const startMs = performance.now();
  return until(`${ms} ms are over`, () => performance.now() - startMs > ms);
}

/** An answer that is written at one instance and followed at the other. */
async function beginAnswer({ writer, reader }: RedisStage, name: string) {
  const question = randomUUID();
  const speech = new TimedSpeech(50);
  model.answer(question, speech.reply);
  const { answer } = await send(writer.person(name), { content: question });
  const follower = await AnswerFollower.open(reader.person(name), answer.id);
  const arrivals = new Arrivals(follower);
  await follower.reaches(1);
  return { question, speech, follower, arrivals };
}

/** What is said in a conversation at one instance, and heard at the other: how long each message took. */
async function talkWhile({ writer, reader }: RedisStage, name: string, outage: Promise<unknown>): Promise<number[]> {
  const person = writer.person(name);
  const conversationId = await create(person);
  const device = ConversationDevice.follow(reader.person(name), conversationId);
  await device.until(() => device.kinds.length > 0);
  const delaysMs: number[] = [];
  let isOver = false;
  outage.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const content = randomUUID();
    await append(person, { conversationId, messages: [{ role: 'USER', content }] });
    const startMs = performance.now();
    await device.until(() => [...device.messages.values()].some((message) => message.content === content));
    delaysMs.push(performance.now() - startMs);
  }
  await device.leave();
  return delaysMs;
}

async function expectUnharmed(
  stage: RedisStage,
  { answers: length = answersAtATime, begin, end }: Outage,
): Promise<void> {
  const name = randomUUID();
  const answers = await Promise.all(Array.from({ length }, () => beginAnswer(stage, name)));
  const delaysMs = (fromMs: number) => answers.flatMap(({ arrivals, speech }) => arrivals.delaysMs(speech, fromMs));
  const isLive = (fromMs: number) => Math.max(...delaysMs(fromMs)) < liveMs + stalls.mostMs;
  const over = Promise.withResolvers<void>();
  const talk = talkWhile(stage, name, over.promise);
  await lasted(500);
  const startMs = performance.now();
  await begin(stage);
  await lasted(outageMs);
  expect(percentile(delaysMs(startMs), 99)).toBeLessThan(behindMs + stalls.mostMs);
  await end(stage);
  over.resolve();
  expect(percentile(await talk, 99)).toBeLessThan(behindMs + stalls.mostMs);
  await until('it is live again', () => isLive(performance.now() - 1000), backWithinMs + stalls.mostMs);
  for (const { speech } of answers) speech.finish();
  for (const { follower, speech, question } of answers) {
    expect(await follower.end()).toMatchObject({ status: 'COMPLETE', content: speech.text });
    expect([follower.content, follower.broken, follower.errors]).toEqual([speech.text, [], []]);
    expect(model.timesAsked(question)).toBe(1);
    follower.close();
  }
}

/** Side by side, since each waits most of the time; all at once would be more connections than PostgreSQL takes. */
describe('While Redis is away, who follows at another instance is 2 s behind at most, is told no error, and live again soon after', () => {
  const sideBySide = 3;
  const outcomes: Promise<void>[] = [];
  beforeAll(() => {
    stalls.start();
    for (const [index, outage] of outages.entries()) {
      const before = outcomes[index - sideBySide] ?? Promise.resolve();
      const outcome = before.catch(() => undefined).then(() => goThrough(outage));
      outcome.catch(() => undefined);
      outcomes.push(outcome);
    }
  });
  afterAll(async () => {
    await Promise.allSettled(outcomes);
  });

  async function goThrough(outage: Outage): Promise<void> {
    const stage = await RedisStage.open(folder.path, { ...model.env, LIMITS: patience, DATABASE_POOL_SIZE: '3' });
    try {
      await expectUnharmed(stage, outage);
    } finally {
      await stage.close();
    }
  }

  it.each(outages)('$what', async (outage) => await outcomes[outages.indexOf(outage)], 90_000);
});

describe('A breaker keeps requests from waiting on a dead Redis', () => {
  const sends = 100;
  const commandMs = 250;
  let stage: RedisStage;
  beforeAll(async () => {
    const limits = { ...JSON.parse(patience), sendsPerMinute: 10_000, answersPerOwner: 10_000 };
    stage = await RedisStage.open(folder.path, { ...model.env, RATE_LIMITS: 'on', LIMITS: JSON.stringify(limits) });
  });
  afterAll(() => stage?.close());

  it.each([
    ['silent', async () => stage.proxy.silence()],
    ['gone', () => stage.proxy.refuse()],
  ] as const)(
    `of ${sends} sends while it is %s only the first few wait for one of its commands`,
    async (_how, begin) => {
      const person = stage.writer.person();
      const timeMs = async () => {
        const content = randomUUID();
        model.answer(content, answered('Yes.'));
        const startMs = performance.now();
        await send(person, { content });
        return performance.now() - startMs;
      };
      const sendAll = async () => {
        const times: number[] = [];
        for (let number = 0; number < sends; number += 1) times.push(await timeMs());
        return times;
      };
      const usual = percentile(await sendAll(), 95);
      await begin();
      const times = await sendAll();
      await stage.proxy.restore();
      expect(times.filter((ms) => ms >= atMost(usual + commandMs)).length).toBeLessThan(sends / 10);
    },
  );
});
