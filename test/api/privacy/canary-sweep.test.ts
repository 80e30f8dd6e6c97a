import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { append, attempt, create, readMessage, sendMutation } from '../../support/conversations.js';
import { runJob } from '../../support/jobs.js';
import { until } from '../../support/until.js';
import { canary, unheardWord } from './canaries.js';
import { provokeErrors } from './provoke-errors.js';
import { failDatabase, failModels, type RunningAnswer, said, startAnswer } from './say-everything.js';
import { formsIn } from './sweep.js';
import { SweptDeployment, secretWords } from './swept-deployment.js';

const answers = 20;

let deployment: SweptDeployment;
const running: RunningAnswer[] = [];

beforeAll(async () => {
  deployment = await SweptDeployment.start();
});

afterAll(async () => {
  await Promise.all(running.map(({ unfollow }) => unfollow()));
  await deployment?.close();
});

const expectNothingInClear = async () => expect(await deployment.sweep(...secretWords)).toEqual([]);

describe('Texts that people write, and models', () => {
  it('are said here in every way there is: 20 answers run, and are followed over Redis', async () => {
    for (let number = 0; number < answers; number += 1) running.push(await startAnswer(deployment, number));
    for (const { hand } of running) await hand.reasoning(`${canary('reasoning')} `);
    for (const { hand } of running) await hand.text(`${canary('answer')} `);
    await until('all are followed', () => running.every(({ heard }) => heard().includes(canary('answer'))), 20_000);
    const checkpoints = '(SELECT DISTINCT message_id FROM answer_chunks)';
    await until('all have checkpoints', async () => (await deployment.rows(checkpoints)) === answers, 20_000);
    const deltas = deployment.redis.seen.filter((line) => line.includes('"type":"delta"'));
    expect(deltas.length).toBeGreaterThanOrEqual(answers);
  });

  it('are said in everything that goes wrong: with a model, a request, a socket, the database', async () => {
    const by = await deployment.person(deployment.writer, 0);
    await failModels(deployment, by);
    expect(await provokeErrors(by, canary('error'))).toBe(37);
    expect(await failDatabase(deployment, by)).toBe('INTERNAL');
    expect(deployment.writer.log().filter(({ msg }) => msg === 'An operation failed')).toHaveLength(1);
  });

  it('are deleted at their time, and that is written down', async () => {
    const by = await deployment.person(deployment.writer, 0);
    const input = { title: canary('temporary'), systemPrompt: canary('temporaryprompt'), temporary: true };
    await append(by, {
      conversationId: await create(by, input),
      messages: [{ role: 'USER', content: canary('temporarymessage') }],
    });
    await deployment.sql.rows('UPDATE conversations SET expires_at = now() WHERE expires_at IS NOT NULL');
    await runJob(deployment.postgres.url, 'expire-temporary');
    expect(await deployment.rows('audit_events')).toBe(1);
  });

  it('are really stored: all of them are read back by their owner, and found', async () => {
    const by = await deployment.person(deployment.follower, 1);
    const { conversations } = await by.data<{ conversations: { totalCount: number; nodes: object[] } }>(
      `query ($title: String) { conversations(filter: { title: $title }) { totalCount nodes {
        title systemPrompt metadata preview messages(last: 6) {
          nodes { content reasoning metadata ratingComment idempotencyKey } } } } }`,
      { title: canary('titl') },
    );
    expect(conversations.totalCount).toBe(answers / 4);
    const read = JSON.stringify(conversations.nodes);
    expect(said.filter((what) => !read.includes(canary(what)))).toEqual([]);
  });

  it('stand nowhere in clear while 20 answers run: not in files, WAL, Redis or logs', async () => {
    await expectNothingInClear();
    expect(await deployment.rows('answer_runs')).toBe(answers);
  });

  it('stand nowhere in clear after a CHECKPOINT', async () => {
    await deployment.sql.rows('CHECKPOINT');
    await expectNothingInClear();
    expect(await deployment.rows('answer_runs')).toBe(answers);
  });
});

describe('The same sweep', () => {
  it('finds what does stand in clear: who owns, in the database; what is logged, and what Redis is told', async () => {
    const [subject] = deployment.subjects;
    const places = await deployment.sweep(subject);
    expect(places).toContainEqual(expect.stringMatching(/^data\/.*\/base\/.*: UTF-8$/));
    expect(places).toContainEqual(expect.stringMatching(/^data\/.*\/pg_wal\/.*: UTF-8$/));
    expect(places.filter((place) => !/\/(base|pg_wal)\//.test(place))).toEqual([]);
    expect(await deployment.sweep('listening')).toContain('log: UTF-8');
    const { id } = await deployment.sql.row<{ id: string }>('SELECT id FROM users WHERE subject = $1', [subject]);
    expect(await deployment.sweep(id)).toEqual(expect.arrayContaining(['dump.rdb: UTF-8', 'Redis, said: UTF-8']));
  });

  it.each([
    ['UTF-8', (word: string) => Buffer.from(`It says ${word}.`)],
    ['UTF-16', (word: string) => Buffer.from(`It says ${word}.`, 'utf16le')],
    ['hex', (word: string) => Buffer.from(Buffer.from(`It says ${word}.`).toString('hex'))],
    ['base64 (0)', (word: string) => Buffer.from(Buffer.from(`abc${word}.`).toString('base64'))],
    ['base64 (1)', (word: string) => Buffer.from(Buffer.from(`a${word}.`).toString('base64'))],
    ['base64url (2)', (word: string) => Buffer.from(Buffer.from(`ab${word}.`).toString('base64url'))],
  ])(
    'finds a canary that was planted in clear, as %s, in a table, the WAL, a key and a message',
    async (form, write) => {
      const { sql, redis } = deployment;
      const word = unheardWord();
      const planted = write(word);
      await sql.rows('CREATE TABLE IF NOT EXISTS planted (what bytea)');
      await sql.rows('INSERT INTO planted VALUES ($1)', [planted]);
      await sql.rows('CHECKPOINT');
      await redis.client.set('planted', planted);
      await until('the message is heard', async () => {
        // A message that nobody hears at that moment is lost: it is said until it was heard.
        await redis.client.publish('planted', planted);
        return redis.seen.some((line) => formsIn(Buffer.from(line), word).includes(form));
      });
      const places = (await deployment.sweep(word)).filter((place) => place.endsWith(`: ${form}`));
      expect(places).toEqual(expect.arrayContaining([`dump.rdb: ${form}`, `Redis, said: ${form}`]));
      expect(places).toContainEqual(expect.stringMatching(/^data\/.*\/base\//));
      expect(places).toContainEqual(expect.stringMatching(/^data\/.*\/pg_wal\//));
    },
  );

  it('tells every form of a word from its absence', () => {
    const word = unheardWord();
    expect(formsIn(Buffer.from(`${word.slice(0, -1)} ${word.slice(1)}`), word)).toEqual([]);
    expect(formsIn(Buffer.from(`..${word}..`), word)).toEqual(['UTF-8']);
  });
});

describe('After a kill -9', () => {
  it('of the server that writes, no text stands in clear, and what was written is kept', async () => {
    for (const { hand } of running) await hand.text(canary('lasttoken'));
    deployment.writer.signal('SIGKILL');
    expect(await deployment.writer.ended()).toBe('SIGKILL');
    await expectNothingInClear();
    const expired = "lease_until = now() - interval '1 min', suspect_since = now() - interval '1 min'";
    await deployment.sql.rows(`UPDATE answer_runs SET ${expired}`);
    await until('all are settled', async () => (await deployment.rows('answer_runs')) === 0, 20_000);
    const by = await deployment.person(deployment.follower, 0);
    const { status, content } = await readMessage(by, running[0]?.id ?? '');
    expect([status, content.startsWith(canary('answer'))]).toEqual(['INTERRUPTED', true]);
    await deployment.sql.rows('CHECKPOINT');
    await expectNothingInClear();
  });

  it('of the database, no text stands in clear, nor in what the server says of that', async () => {
    const by = await deployment.person(deployment.follower, 0);
    const pids = await deployment.sql.rows<{ pid: number }>('SELECT pid FROM pg_stat_activity');
    await deployment.sql.close();
    process.kill(deployment.postgres.pid, 'SIGKILL');
    await until('its processes are gone', () => pids.every(({ pid }) => !isAlive(pid)));
    const refused = await attempt(by, sendMutation, { input: { content: canary('away') } });
    expect(refused).toMatchObject({ code: 'UNAVAILABLE' });
    await until('the server logs that', () => deployment.follower.log().some(({ level }) => Number(level) >= 40));
    await expectNothingInClear();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
