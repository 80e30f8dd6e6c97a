import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Checkpoint, checkpoint, type RunKey } from '../../../src/answers/answer.repository.js';
import { startOfAnswer } from '../../../src/answers/live-text.js';
import { markDeleted } from '../../../src/conversations/conversation-removal.repository.js';
import type { Scope } from '../../../src/identity/scope.js';
import { SqlClient } from '../../support/sql-client.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

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
    instance = await Instance.start({ url: own.url });
    const scope = await instance.person();
    const [fast, slow] = [await instance.send(scope), await instance.send(scope)];
    const [fastModel, slowModel] = [await instance.model.asked(0), await instance.model.asked(1)];
    const startMs = performance.now();
    await until('3 s of text are said', () => {
      fastModel.say('x'.repeat(1024));
      slowModel.say('y');
      return performance.now() - startMs > 3000;
    });
    const chunks = async (answerId: string) =>
      (await sql.rows('SELECT FROM answer_chunks WHERE message_id = $1', [answerId])).length;
    expect(await chunks(fast.answer.id)).toBeGreaterThan(15);
    expect(await chunks(slow.answer.id)).toBeLessThan(9);
  });
});

describe('Upkeep while keys cannot be opened', () => {
  it('renews the lease, hears a cancel, and writes the text as soon as it can be sealed', async () => {
    instance = await Instance.start({ url: own.url, poolSize: 1 });
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
    await until('the lease is renewed', async () => (await runRow(answer.id)).left_ms > 8000, 3500);
    expect((await runRow(answer.id)).durable_content).toBe(9);
    goOn();
    await crowd;
    await until('the rest is durable', async () => (await runRow(answer.id)).durable_content === 19);
  });

  it('writes the text of owners whose keys are at hand without waiting for those of others', async () => {
    instance = await Instance.start({ url: own.url });
    const [ready, slow] = [await instance.person(), await instance.person()];
    const { answer } = await instance.send(ready);
    await instance.send(slow);
    for (const index of [0, 1]) (await instance.model.asked(index)).say('some text');
    await until('both are durable', async () => (await sql.rows('SELECT FROM answer_chunks')).length === 2);
    await sql.rows('BEGIN');
    await sql.rows('LOCK TABLE keys.data_keys IN ACCESS EXCLUSIVE MODE');
    instance.keyring.forget(slow.viewer.id);
    for (let length = 10; length < 13; length += 1) {
      for (const model of instance.model.answers) model.say('.');
      const startMs = performance.now();
      await until('it is durable', async () => (await runRow(answer.id)).durable_content === length);
      expect(performance.now() - startMs).toBeLessThan(1500);
    }
    await sql.rows('COMMIT');
    await until('so is the other', async () => {
      const rows = await sql.rows<RunRow>('SELECT durable_content FROM answer_runs');
      return rows.every((row) => row.durable_content === 12);
    });
  });

  it('delivers no text for longer than 8 s that is not durable, though the lease is renewed', async () => {
    instance = await Instance.start({ url: own.url });
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
    const startMs = performance.now();
    await until('delivery is held', held, 12_000);
    expect(performance.now() - startMs).toBeGreaterThan(7000);
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
    instance = await Instance.start({ url: own.url, upkeepUrl, onStatement: (name) => statements.push(name) });
    const { answer } = await instance.send(await instance.person());
    const model = await instance.model.asked(0);
    model.say('x');
    await until('it is durable', async () => (await runRow(answer.id)).durable_content === 1);
    await proxy.close();
    statements.length = 0;
    const startMs = performance.now();
    await until('two seconds of text are said', () => {
      model.say('x'.repeat(300));
      return performance.now() - startMs > 2000;
    });
    const tries = statements.filter((name) => name === 'runs.checkpoint').length;
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(8);
  });
});

describe('Several runs', () => {
  let scope: Scope;
  /** By their ids. */
  let runs: RunKey[];

  beforeEach(async () => {
    instance = await Instance.start({ url: own.url });
    scope = await instance.person();
    for (let count = 0; count < 4; count += 1) await instance.send(scope);
    // Of nobody's from here on; conversations, and places in the table, in an order that is not that of their ids.
    await sql.rows(
      'CREATE TEMP TABLE made AS SELECT *, row_number() OVER (ORDER BY message_id) AS nth FROM answer_runs',
    );
    await sql.rows('DELETE FROM answer_runs');
    runs = await sql.rows<RunKey>(
      `INSERT INTO answer_runs (owner_id, message_id, conversation_id, run_id, instance, lease_until, cancel_requested,
         chunks, durable_content, durable_reasoning)
       SELECT one.owner_id, one.message_id, other.conversation_id, gen_random_uuid(), 'nobody', one.lease_until, false,
         0, 0, 0
       FROM made AS one JOIN made AS other ON one.nth + other.nth = 5 ORDER BY one.nth DESC
       RETURNING owner_id AS "ownerId", conversation_id AS "conversationId", message_id AS "messageId", run_id AS "runId"`,
    );
    runs.sort((one, other) => (one.messageId < other.messageId ? -1 : 1));
  });

  const renewal = (run: RunKey): Checkpoint => ({ run, from: startOfAnswer, to: startOfAnswer, sealed: null });

  /** Starts `work` while the first run is held, and says how many of the others it has locked when it waits. */
  async function lockedBehindFirst(work: () => Promise<unknown>): Promise<number> {
    await sql.rows('BEGIN');
    await sql.rows('SELECT FROM answer_runs WHERE message_id = $1 FOR UPDATE', [runs[0]?.messageId]);
    const done = work();
    const looker = await SqlClient.connect(own.url);
    await until('it waits for a lock', async () => {
      const waiting = await looker.rows(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length === 1;
    });
    const free = await looker.rows('SELECT FROM answer_runs FOR UPDATE SKIP LOCKED');
    await looker.close();
    await sql.rows('COMMIT');
    await done;
    return runs.length - 1 - free.length;
  }

  it('are locked by a checkpoint in the order of their ids, so that no two wait for one another', async () => {
    const given = [...runs].reverse();
    expect(await lockedBehindFirst(() => checkpoint(instance.upkeep, given.map(renewal)))).toBe(0);
  });

  it('are locked by a deletion in the order of their ids', async () => {
    const ids = runs.map(({ conversationId }) => conversationId).reverse();
    const deletion = () => instance.database.transaction((tx) => markDeleted(tx, scope.viewer.id, ids));
    expect(await lockedBehindFirst(deletion)).toBe(0);
  });
});
