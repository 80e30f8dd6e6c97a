import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pause, systemClock } from '../../../src/platform/clock.js';
import { AnswerFollower } from '../../support/answer-follower.js';
import { startApp, type TestApp } from '../../support/app.js';
import { atMost } from '../../support/at-most.js';
import { ModelByHand } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { ServerProcess } from '../../support/server-process.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { StalledReader } from './stalled-reader.js';

const sockets = 60;
const answers = 20;
const answerCodeUnits = 100_000;
const pieceCodeUnits = 250;
const paceMs = 10;
const mebibyte = 1024 * 1024;
const limits = JSON.stringify({ ...JSON.parse(patience), socketsPerOwner: sockets });

const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { answer { id } } }';

let folder: TemporaryFolder;
let model: ScriptedModel;
let lender: TestApp;
let server: ServerProcess;
const readers: StalledReader[] = [];
const followers: AnswerFollower[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  lender = await startApp({ env: { ...model.env, LIMITS: limits } });
  await lender.stop();
  server = await ServerProcess.start({ beside: lender, folder: folder.path });
});
afterAll(async () => {
  for (const one of [...readers, ...followers]) one.close();
  await server?.kill();
  await lender?.close();
  await model?.stop();
  await folder?.remove();
});

async function ask(name: string): Promise<{ id: string; byHand: ModelByHand }> {
  const byHand = new ModelByHand();
  const question = randomUUID();
  model.answer(question, byHand.reply);
  const { sendMessage: sent } = await server
    .person(name)
    .data<{ sendMessage: { answer: { id: string } } }>(send, { input: { content: question } });
  await byHand.text('.');
  return { id: sent.answer.id, byHand };
}

/** The whole of a long answer, at a model's pace. */
async function speak(byHand: ModelByHand, name: string, codeUnits: number): Promise<string> {
  let text = '.';
  while (text.length < codeUnits) {
    const piece = `${name} ${text.length} `.padEnd(pieceCodeUnits, 'and on ');
    text += piece;
    await byHand.text(piece);
    await pause(systemClock, paceMs);
  }
  await byHand.finish();
  return text;
}

/** So many sockets, each of which follows all of these answers. */
async function openReaders(count: number, asked: readonly { id: string }[]): Promise<StalledReader[]> {
  const opened: StalledReader[] = [];
  for (let number = 0; number < count; number += 1) {
    const reader = await StalledReader.open(server.url, lender.token('ada'));
    readers.push(reader);
    opened.push(reader);
    reader.follow(asked.map(({ id }) => id));
    await reader.begun();
  }
  return opened;
}

const isDone = (opened: readonly StalledReader[]) => () => opened.every((reader) => reader.isDone);

/** A smaller crowd that reads all: code is compiled afterwards, pools are filled, and spaces have their size. */
async function warmUp(): Promise<void> {
  const asked = await Promise.all(Array.from({ length: answers }, () => ask('ada')));
  const opened = await openReaders(sockets / 3, asked);
  await Promise.all(asked.map(({ byHand }) => speak(byHand, 'To warm up', answerCodeUnits / 10)));
  await until('all of it is read', isDone(opened), 30_000);
  for (const reader of opened) reader.close();
}

/** What the process holds when all its garbage is gone: nothing has changed any more from one collection to the next. */
async function settledMemory(): Promise<number> {
  let lastBytes = Number.POSITIVE_INFINITY;
  return await until('the memory has settled', async () => {
    const { rss } = await server.memory('collect');
    const isSettled = Math.abs(lastBytes - rss) < mebibyte;
    lastBytes = rss;
    return isSettled ? rss : null;
  });
}

/** Looks at something again and again until it is told to stop; gives what it saw. */
function watch(look: () => Promise<number>, everyMs: number): () => Promise<number[]> {
  let isOn = true;
  const watching = (async () => {
    const seen: number[] = [];
    while (isOn) {
      seen.push(await look());
      await pause(systemClock, everyMs);
    }
    return seen;
  })();
  return () => {
    isOn = false;
    return watching;
  };
}

/** Somebody else's answer: gives after how many milliseconds each of its tokens arrived. */
async function followTokens(): Promise<() => Promise<number>> {
  const { id, byHand } = await ask('bob');
  const follower = await AnswerFollower.open(server.person('bob'), id);
  followers.push(follower);
  await follower.has('.');
  return async () => {
    const sentMs = performance.now();
    await byHand.text('!');
    await follower.has(`${follower.content}!`);
    return performance.now() - sentMs;
  };
}

const quantile = (values: readonly number[], share: number) =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length * share)] ?? 0;

describe('One that does not read at all', () => {
  it('1,200 subscriptions over 60 sockets that stop reading while 20 answers of 100 KB stream to all of them: less than 200 MB, another answer not slowed; then each reads on and has the exact text', async () => {
    const token = await followTokens();
    const before: number[] = [];
    for (let number = 0; number < 50; number += 1) before.push(await token());
    await warmUp();
    const idleBytes = await settledMemory();
    const asked = await Promise.all(Array.from({ length: answers }, () => ask('ada')));
    const crowd = await openReaders(sockets, asked);
    for (const reader of crowd) reader.stop();
    const stopMemory = watch(async () => (await server.memory('as it is')).rss, 100);
    const stopTokens = watch(token, 20);
    const texts = await Promise.all(
      asked.map(({ byHand }, number) => speak(byHand, `Answer ${number}`, answerCodeUnits)),
    );
    const during = await stopTokens();
    for (const reader of crowd) reader.readOn();
    await until('each has read on', isDone(crowd), 60_000);
    const peakBytes = Math.max(...(await stopMemory()));

    expect((peakBytes - idleBytes) / mebibyte).toBeLessThan(200);
    // Of ten tokens nine, since this machine may be busy with other tests as well.
    expect(quantile(during, 0.9)).toBeLessThan(5 * quantile(before, 0.9) + atMost(200));
    expect(quantile(during, 0.5)).toBeLessThan(5 * quantile(before, 0.5) + atMost(20));
    for (const reader of crowd) {
      expect(reader.wrong).toBe(0);
      const wrong = asked.filter(({ id }, number) => {
        const told = reader.told.get(id);
        return told?.content !== texts[number] || told?.final?.content !== texts[number];
      });
      expect(wrong).toEqual([]);
      // It was the server that waited, and not only what lies between: the rest came in large pieces.
      expect(Math.max(...reader.all.map(({ longest }) => longest))).toBeGreaterThan(20_000);
    }
  });
});
