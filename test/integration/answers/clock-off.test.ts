import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scope } from '../../../src/identity/scope.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { clockOff, hourMs } from '../../support/clock-off.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let right: Instance;
let wrong: Instance;
let scope: Scope;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  right = await Instance.start({ url: own.url });
  scope = await right.person();
});

afterEach(async () => {
  await wrong.stop(0);
  await right.stop(0);
  await sql.close();
  await own.drop();
});

const startWrong = async (byMs: number) => {
  wrong = await Instance.start({ url: own.url, clock: clockOff(byMs) });
};

interface RunRow {
  readonly left_ms: number;
  readonly suspect: boolean;
  readonly durable_content: number;
}

const runOf = (answerId: string) =>
  sql.row<RunRow>(
    `SELECT (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::integer AS left_ms,
       suspect_since IS NOT NULL AS suspect, durable_content
     FROM answer_runs WHERE message_id = $1`,
    [answerId],
  );

const statusOf = async (answerId: string) =>
  (await sql.row<{ status: string }>('SELECT status FROM messages WHERE id = $1', [answerId])).status;

const instances = { right: () => right, wrong: () => wrong };

describe.each([
  ['an hour ahead', hourMs],
  ['an hour behind', -hourMs],
])('With the clock of one instance %s', (_how, byMs) => {
  beforeEach(() => startWrong(byMs));

  it.each(['right', 'wrong'] as const)(
    'leases are as long as ever, at the instance that is %s, and nobody takes a living answer for lost',
    async (which) => {
      const { answer, model } = await instances[which]().ask(scope);
      model.say('It lives.');
      await until('a checkpoint has renewed it', async () => (await runOf(answer.id)).durable_content === 9);
      for (const one of [right, wrong]) await one.sweep();
      const run = await runOf(answer.id);
      expect(run.suspect).toBe(false);
      expect(run.left_ms).toBeGreaterThan(5000);
      expect(run.left_ms).toBeLessThanOrEqual(10_000);
      model.finish();
      await until('it is final', async () => (await statusOf(answer.id)) === 'COMPLETE');
    },
  );

  it.each(['right', 'wrong'] as const)('the instance that is %s marks and settles what is lost', async (which) => {
    const { answer } = await right.ask(scope);
    await sql.rows("UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '1 s'");
    await instances[which]().sweep();
    expect(await runOf(answer.id)).toMatchObject({ suspect: true });
    await sql.rows("UPDATE answer_runs SET suspect_since = now() - interval '6 s'");
    await instances[which]().sweep();
    expect(await statusOf(answer.id)).toBe('INTERRUPTED');
  });

  it('a temporary conversation lives as long as the database says, and so does its answer', async () => {
    const first = await wrong.ask(scope, { newConversation: { temporary: true } });
    first.model.finish();
    await until('it is final', async () => (await statusOf(first.answer.id)) === 'COMPLETE');
    await sql.rows("UPDATE conversations SET expires_at = now() + interval '30 min'");
    const conversationId = toPublicId('cnv', first.conversation.id);
    const { answer, model } = await wrong.ask(scope, { conversationId });
    model.say('In time.');
    model.finish();
    await until('it is final', async () => (await statusOf(answer.id)) !== 'STREAMING');
    expect(await statusOf(answer.id)).toBe('COMPLETE');
  });
});
