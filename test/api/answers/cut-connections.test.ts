import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { storedFields } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { patience } from '../../support/patience.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { CutFollower, cuts, cutsStreaming, leastCodeUnits } from './cut-follower.js';
import { EndlessModel } from './endless-model.js';

const answers = 10;

let model: ScriptedModel;
let writer: TestApp;
let other: TestApp;
const everyone: CutFollower[] = [];

beforeAll(async () => {
  model = await ScriptedModel.start();
  writer = await startApp({ redis: true, env: { ...model.env, LIMITS: patience } });
  other = await startApp({ beside: writer });
});
afterEach(async () => {
  await Promise.all(everyone.map((follower) => follower.close()));
});
afterAll(async () => {
  await other?.close();
  await writer?.close();
  await model?.stop();
});

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const read = `query ($id: ID!) { message(id: $id) { ${storedFields} } }`;

/** One answer, and four who follow it: at both instances, in both ways. */
async function followThroughCuts(random: SeededRandom): Promise<CutFollower[]> {
  const name = randomUUID();
  const everyoneWasCut = () => followers.every((follower) => follower.cuts >= cutsStreaming);
  const spoken = new EndlessModel(random.fork(), ({ length }) => length >= leastCodeUnits && everyoneWasCut());
  const isStreaming = () => spoken.streaming;
  const followers = [writer, other].flatMap((app) => [
    new CutFollower(app, 'by cursor', random.fork(), isStreaming),
    new CutFollower(app, 'by silent retry', random.fork(), isStreaming),
  ]);
  everyone.push(...followers);
  model.answer(name, spoken.reply);
  const { sendMessage: sent } = await writer
    .person(name)
    .data<{ sendMessage: { answer: { id: string } } }>(send, { input: { content: name } });
  const { id } = sent.answer;
  await Promise.all(followers.map((follower) => follower.follow(writer.token(name), id)));
  const text = Buffer.from(spoken.text);
  for (const follower of followers) {
    const { message } = await follower.app.person(name).data<{ message: { content: string } }>(read, { id });
    expect(message).toEqual(follower.finished?.message);
    for (const content of [follower.text.content, follower.finished?.message.content ?? '', message.content]) {
      expect(Buffer.from(content).equals(text)).toBe(true);
    }
    expect(follower.wrong).toBe(0);
  }
  return followers;
}

/** Many at once, since each waits for its connections most of the time. */
describe('Reconnecting', () => {
  it(
    'The TCP connection cut at random bytes 200 times, 150 or more of them while STREAMING, followed from both instances, resumed by cursor and by silent retry: equal each time.',
    () =>
      seeded(async (random) => {
        const followers = (
          await Promise.all(Array.from({ length: answers }, () => followThroughCuts(random.fork())))
        ).flat();
        const sum = (count: (follower: CutFollower) => number) =>
          followers.reduce((total, follower) => total + count(follower), 0);
        expect(sum((follower) => follower.cuts)).toBe(answers * 4 * cuts);
        expect(sum((follower) => follower.cutsStreaming)).toBeGreaterThanOrEqual(150);
      }),
    90_000,
  );
});
