import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Checkpoint, checkpoint, type RunKey } from '../../../src/answers/answer.repository.js';
import { startOfAnswer } from '../../../src/answers/live-text.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let instance: Instance;
/** Of an answer that no instance writes: what follows is said by the tests alone. */
let run: RunKey;

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  instance = await Instance.start({ url: own.url });
  await instance.send(await instance.person());
  run = await sql.row<RunKey>(
    `UPDATE answer_runs SET run_id = gen_random_uuid()
     RETURNING owner_id AS "ownerId", conversation_id AS "conversationId", message_id AS "messageId", run_id AS "runId"`,
  );
});

afterEach(async () => {
  await instance.stop(0);
  await sql.close();
  await own.drop();
});

const offsets = (content: number) => ({ content, reasoning: 0 });
const piece = (from: number, to: number): Checkpoint => ({
  ...{ run, from: offsets(from), to: offsets(to), sealed: Buffer.from('sealed') },
});

const chunks = () =>
  sql.rows<{ number: number; content_offset: number }>(
    'SELECT number, content_offset FROM answer_chunks ORDER BY number',
  );

/** The checkpoint, made while another transaction has changed the run and not yet committed. */
async function beside(change: string, said: Checkpoint) {
  const other = await SqlClient.connect(own.url);
  await other.rows('BEGIN');
  await other.rows(change);
  const results = await checkpoint(instance.upkeep, [said]);
  await other.rows('COMMIT');
  await other.close();
  return results;
}

describe('A checkpoint', () => {
  it('adds its piece, renews the lease and clears the suspicion where the run is ours and its durable ends are where it starts', async () => {
    await sql.rows("UPDATE answer_runs SET lease_until = now() - interval '1 s', suspect_since = now()");
    expect(await checkpoint(instance.upkeep, [piece(0, 5)])).toEqual([
      { message_id: run.messageId, cancel_requested: false },
    ]);
    await checkpoint(instance.upkeep, [piece(5, 9)]);
    expect(await chunks()).toEqual([
      { number: 1, content_offset: 0 },
      { number: 2, content_offset: 5 },
    ]);
    expect(
      await sql.row("SELECT lease_until > now() + interval '8 s' AS renewed, suspect_since, chunks FROM answer_runs"),
    ).toEqual({ renewed: true, suspect_since: null, chunks: 2 });
  });

  it('without new text renews the lease and adds nothing', async () => {
    await sql.rows("UPDATE answer_runs SET lease_until = now() - interval '1 s'");
    const renewal = { run, from: startOfAnswer, to: startOfAnswer, sealed: null };
    expect(await checkpoint(instance.upkeep, [renewal])).toHaveLength(1);
    expect(await chunks()).toEqual([]);
    expect(await sql.row('SELECT lease_until > now() AS renewed, chunks FROM answer_runs')).toEqual({
      renewed: true,
      chunks: 0,
    });
  });

  it('changes nothing where the run is somebody else’s, or has other durable ends', async () => {
    await checkpoint(instance.upkeep, [piece(0, 5)]);
    const stranger = { ...piece(5, 9), run: { ...run, runId: run.messageId } };
    expect(await checkpoint(instance.upkeep, [stranger, piece(4, 9)])).toEqual([]);
    expect(await chunks()).toHaveLength(1);
  });
});

describe('A checkpoint of a run whose row somebody holds', () => {
  it.each([
    ['is asked to cancel', 'UPDATE answer_runs SET cancel_requested = true'],
    ['is settled', 'DELETE FROM answer_runs'],
    ['is marked', 'UPDATE answer_runs SET suspect_since = now()'],
  ])('changes nothing while it %s, and waits for nobody', async (_what, change) => {
    expect(await beside(change, piece(0, 5))).toEqual([]);
    expect(await chunks()).toEqual([]);
  });

  it('hears the cancel the next time', async () => {
    await beside('UPDATE answer_runs SET cancel_requested = true', piece(0, 5));
    expect(await checkpoint(instance.upkeep, [piece(0, 5)])).toEqual([
      { message_id: run.messageId, cancel_requested: true },
    ]);
    expect(await chunks()).toHaveLength(1);
  });
});
