import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { storedFields } from '../../support/answer-follower.js';
import type { TestApp } from '../../support/app.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { type SeededRandom, seeded } from '../../support/seeded-random.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { CutFollower, cuts, cutsStreaming, leastCodeUnits } from './cut-follower.js';
import { EndlessModel } from './endless-model.js';

const usualAnswers = 10;
/** The whole number is CUT_ANSWERS=1000, each followed in one of the ways instead of all. */
const answers = Number(process.env.CUT_ANSWERS ?? usualAnswers);
/** More at once would keep the machine from saying anything in time. */
const answersAtOnce = answers > usualAnswers ? 25 : usualAnswers;
const startedMs = performance.now();

let both: TwoInstances;
let model: ScriptedModel;
let writer: TestApp;
let other: TestApp;
const everyone: CutFollower[] = [];

beforeAll(async () => {
  model = await ScriptedModel.start();
  both = await startTwoInstances(model);
  [writer, other] = both.instances;
});
afterEach(async () => {
  await Promise.all(everyone.map((follower) => follower.close()));
});
afterAll(() => both?.close());

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';
const read = `query ($id: ID!) { message(id: $id) { ${storedFields} } }`;

const ways = [0, 1].flatMap((first) => [
  { first, resumes: 'by cursor' as const },
  { first, resumes: 'by silent retry' as const },
]);

/** One answer, and those who follow it: beginning at both instances, resuming in both ways. */
async function followThroughCuts(random: SeededRandom, number: number): Promise<CutFollower[]> {
  const name = randomUUID();
  const everyoneWasCut = () => followers.every((follower) => follower.cuts >= cutsStreaming);
  const spoken = new EndlessModel(random.fork(), ({ length }) => length >= leastCodeUnits && everyoneWasCut());
  const isStreaming = () => spoken.streaming;
  const followers = ways
    .filter((_, index) => answers <= usualAnswers || index === number % ways.length)
    .map(({ first, resumes }) => {
      const apps = first === 0 ? ([writer, other] as const) : ([other, writer] as const);
      return new CutFollower(apps, resumes, random.fork(), isStreaming);
    });
  everyone.push(...followers);
  model.answer(name, spoken.reply);
  const { sendMessage: sent } = await writer
    .person(name)
    .data<{ sendMessage: { answer: { id: string } } }>(send, { input: { content: name } });
  const { id } = sent.answer;
  await Promise.all(followers.map((follower) => follower.follow(writer.token(name), id)));
  const text = Buffer.from(spoken.text);
  for (const [index, follower] of followers.entries()) {
    const app = index % 2 === 0 ? writer : other;
    const { message } = await app.person(name).data<{ message: { content: string } }>(read, { id });
    expect(message).toEqual(follower.finished?.message);
    for (const content of [follower.text.content, follower.finished?.message.content ?? '', message.content]) {
      expect(Buffer.from(content).equals(text)).toBe(true);
    }
    expect(follower.wrong).toBe(0);
  }
  return followers;
}

/** What all of them came to, of those followed through cuts. */
class Tally {
  equal = 0;
  cuts = 0;
  cutsStreaming = 0;

  add(followers: readonly CutFollower[]): void {
    this.equal += 1;
    for (const follower of followers) {
      this.cuts += follower.cuts;
      this.cutsStreaming += follower.cutsStreaming;
    }
  }
}

/** Many at once, since each waits for its connections most of the time. */
describe('Reconnecting', () => {
  it(
    `${answers} answers whose connections are cut at random bytes, most of them while STREAMING, followed over changing instances, resumed by cursor and by silent retry: all byte-equal.`,
    () =>
      seeded(async (random) => {
        const tally = new Tally();
        const forks = Array.from({ length: answers }, () => random.fork());
        const follow = async () => {
          for (let fork = forks.pop(); fork; fork = forks.pop()) {
            const followers = await followThroughCuts(fork, forks.length);
            tally.add(followers);
            await Promise.all(followers.map((follower) => follower.close()));
          }
        };
        await Promise.all(Array.from({ length: answersAtOnce }, follow));
        expect(tally.equal).toBe(answers);
        const followers = answers * (answers > usualAnswers ? 1 : ways.length);
        expect(tally.cuts).toBe(followers * cuts);
        expect(tally.cutsStreaming).toBeGreaterThanOrEqual(followers * (cutsStreaming - 0.25));
        if (answers > usualAnswers) report(tally, random.seed);
      }),
    Math.max(240_000, answers * 4000),
  );
});

function report({ equal, cuts: cut, cutsStreaming }: Tally, seed: number): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const sentence = `${equal} answers byte-equal, ${cut} cuts, ${cutsStreaming} of them while STREAMING, ${seconds} s, seed ${seed}`;
  process.stdout.write(`${sentence}\n`);
}
