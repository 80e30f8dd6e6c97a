import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { markDeleted } from '../../../src/conversations/conversation-removal.repository.js';
import { atMost } from '../../support/at-most.js';
import { quickClock } from '../../support/quick-clock.js';
import { SqlClient } from '../../support/sql-client.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance, type InstanceOptions } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let instance: Instance;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
});

afterEach(async () => {
  await instance.stop(0);
  await sql.close();
  await own.drop();
});

/** Ticks come every 500 ms of this clock. */
const clock = quickClock(4);

const start = (options: Partial<InstanceOptions> = {}) => Instance.start({ url: own.url, clock, ...options });

/** Counts the ticks from now on, the one included that may just be due. */
function countTicks(): () => number {
  const startMs = clock.monotonic();
  return () => Math.ceil((clock.monotonic() - startMs) / 500);
}

interface RunRow {
  readonly left_ms: number;
  readonly durable_content: number;
  readonly cancel_requested: boolean;
}

const runRow = (answerId: string) =>
  sql.row<RunRow>(
    `SELECT (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::integer AS left_ms, durable_content,
       cancel_requested
     FROM answer_runs WHERE message_id = $1`,
    [answerId],
  );

/** As if its lease were about to run out: only a renewal brings it back to 10 s. */
const shortenLease = (answerId: string) =>
  sql.rows(`UPDATE answer_runs SET lease_until = clock_timestamp() + interval '4 s' WHERE message_id = $1`, [answerId]);

describe('2 KiB of new text', () => {
  it('call the checkpoint of their own answer early, and of no other', async () => {
    instance = await start();
    const scope = await instance.person();
    const ticks = countTicks();
    const [fast, slow] = [await instance.ask(scope), await instance.ask(scope)];
    for (let round = 1; round <= 20; round += 1) {
      slow.model.say('y');
      fast.model.say('x'.repeat(3000));
      const written = async () => (await runRow(fast.answer.id)).durable_content === round * 3000;
      await until('it is durable', written);
    }
    const ticked = ticks();
    const chunks = async (answerId: string) =>
      (await sql.rows('SELECT FROM answer_chunks WHERE message_id = $1', [answerId])).length;
    expect(await chunks(fast.answer.id)).toBe(20);
    expect(await chunks(slow.answer.id)).toBeLessThanOrEqual(ticked);
  });
});

describe('Upkeep while keys cannot be opened', () => {
  it('renews the lease, hears a cancel, and writes the text as soon as it can be sealed', async () => {
    instance = await start({ poolSize: 1 });
    const scope = await instance.person();
    const { answer } = await instance.send(scope);
    (await instance.model.asked(0)).say('some text');
    await until('the text is durable', async () => (await runRow(answer.id)).durable_content === 9);
    let goOn = () => {};
    const busy = new Promise<void>((resolve) => (goOn = resolve));
    // A crowd of requests: nobody else gets at the keys.
    const crowd = instance.database.transaction(() => busy);
    instance.keyring.forget(scope.viewer.id);
    instance.model.answers[0]?.say(', and more');
    await shortenLease(answer.id);
    await until('the lease is renewed', async () => (await runRow(answer.id)).left_ms > 8000);
    expect((await runRow(answer.id)).durable_content).toBe(9);
    goOn();
    await crowd;
    await until('the rest is durable', async () => (await runRow(answer.id)).durable_content === 19);
  });

  it('writes the text of owners whose keys are at hand without waiting for those of others', async () => {
    instance = await start();
    const [ready, slow] = [await instance.person(), await instance.person()];
    const { answer } = await instance.ask(ready);
    await instance.ask(slow);
    for (const model of instance.model.answers) model.say('some text');
    await until('both are durable', async () => (await sql.rows('SELECT FROM answer_chunks')).length === 2);
    await sql.rows('BEGIN');
    await sql.rows('LOCK TABLE keys.data_keys IN ACCESS EXCLUSIVE MODE');
    instance.keyring.forget(slow.viewer.id);
    for (let length = 10; length < 13; length += 1) {
      for (const model of instance.model.answers) model.say('.');
      const startMs = performance.now();
      await until('it is durable', async () => (await runRow(answer.id)).durable_content === length);
      expect(performance.now() - startMs).toBeLessThan(atMost(1500));
    }
    await sql.rows('COMMIT');
    await until('so is the other', async () => {
      const rows = await sql.rows<RunRow>('SELECT durable_content FROM answer_runs');
      return rows.every((row) => row.durable_content === 12);
    });
  });

  it('delivers no text for longer than 8 s that is not durable, though the lease is renewed', async () => {
    instance = await start();
    const scope = await instance.person();
    const { answer } = await instance.send(scope);
    const model = await instance.model.asked(0);
    model.say('durable');
    await until('the text is durable', async () => (await runRow(answer.id)).durable_content === 7);
    await sql.rows('ALTER TABLE keys.data_keys RENAME TO hidden');
    instance.keyring.forget(scope.viewer.id);
    const live = instance.runs.liveText(answer.id);
    const held = () => {
      model.say('.');
      return live && live.shown.content < live.end.content;
    };
    const startMs = clock.monotonic();
    await until('delivery is held', held);
    expect(clock.monotonic() - startMs).toBeGreaterThan(7000);
    expect((await runRow(answer.id)).left_ms).toBeGreaterThan(7000);
    await sql.rows('ALTER TABLE keys.hidden RENAME TO data_keys');
    await until('delivery goes on', () => live && live.shown.content === live.end.content);
  });
});

describe('Upkeep while PostgreSQL is away', () => {
  it('tries at its ticks, not at every token', async () => {
    const statements: string[] = [];
    const server = new URL(own.url);
    const proxy = await TcpProxy.start(
      `http://${server.host}`,
      () => null,
      () => undefined,
    );
    const upkeepUrl = Object.assign(new URL(own.url), { host: new URL(proxy.url).host }).href;
    instance = await start({ upkeepUrl, onStatement: (name) => statements.push(name) });
    const { answer } = await instance.send(await instance.person());
    const model = await instance.model.asked(0);
    model.say('x');
    await until('it is durable', async () => (await runRow(answer.id)).durable_content === 1);
    await proxy.close();
    statements.length = 0;
    const ticks = countTicks();
    await until('four ticks have passed', () => {
      model.say('x'.repeat(300));
      return ticks() > 4;
    });
    const tries = statements.filter((name) => name === 'runs.checkpoint').length;
    expect(tries).toBeGreaterThan(1);
    // Once more before its first tick: then nothing had failed yet.
    expect(tries).toBeLessThanOrEqual(ticks() + 1);
  });
});

describe('A run whose row somebody holds', () => {
  const durable = (answerId: string, length: number) =>
    until('it is durable', async () => (await runRow(answerId)).durable_content === length);

  it('is passed over, and holds up neither the others nor itself for longer than it is held', async () => {
    const statements: string[] = [];
    instance = await start({ onStatement: (name) => statements.push(name) });
    const scope = await instance.person();
    const [held, free] = [await instance.ask(scope), await instance.ask(scope)];
    await sql.rows('BEGIN');
    await sql.rows('UPDATE answer_runs SET cancel_requested = false WHERE message_id = $1', [held.answer.id]);
    statements.length = 0;
    const ticks = countTicks();
    for (let length = 1; length <= 6; length += 1) {
      held.model.say('x'.repeat(3000));
      free.model.say('y');
      await durable(free.answer.id, length);
    }
    // Long texts too wait for the next tick then.
    const written = statements.filter((name) => name === 'runs.checkpoint').length;
    expect(written).toBeLessThanOrEqual(ticks() + 1);
    await sql.rows('COMMIT');
    await durable(held.answer.id, 18_000);
  });

  it('and a deletion of its conversation never wait for one another', async () => {
    instance = await start();
    const scope = await instance.person();
    const sent = [await instance.ask(scope), await instance.ask(scope), await instance.ask(scope)];
    for (const { model } of sent) model.say('x');
    for (const { answer } of sent) await durable(answer.id, 1);
    const ids = sent.map(({ conversation }) => conversation.id);
    const ticks = countTicks();
    await instance.database.transaction(async (tx) => {
      const { answerIds } = await markDeleted(tx, scope.viewer.id, ids);
      expect(answerIds).toHaveLength(3);
      for (const { model } of sent) model.say('y');
      await until('three ticks have passed', () => ticks() > 3);
    });
    await until('all are fenced', () => instance.runs.count === 0);
  });
});
