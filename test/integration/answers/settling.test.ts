import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FollowEvent } from '../../../src/answers/follow.js';
import { LostAnswers } from '../../../src/answers/lost-answers.js';
import type { Scope } from '../../../src/identity/scope.js';
import { systemClock } from '../../../src/platform/clock.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { SourceFailure } from '../../../src/platform/pulled-source.js';
import { atMost } from '../../support/at-most.js';
import { closeDatabases, connectDatabase, timed, unavailableError } from '../../support/connected-database.js';
import { OutageProxy } from '../../support/outage-proxy.js';
import { SqlClient } from '../../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let sql: SqlClient;
let instance: Instance;
let scope: Scope;
const statements: string[] = [];

beforeEach(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  statements.length = 0;
  instance = await Instance.start({ url: own.url, onStatement: (name) => statements.push(name) });
  scope = await instance.person();
});

afterEach(async () => {
  await instance.stop(0);
  await sql.close();
  await own.drop();
});

/** What a follower is told, as it comes. */
async function follow(answerId: string): Promise<(FollowEvent | SourceFailure)[]> {
  const told: (FollowEvent | SourceFailure)[] = [];
  const source = await instance.answers.follow(scope, toPublicId('msg', answerId), null);
  const read = async () => {
    for await (const event of source) told.push(event);
  };
  read().catch((error: unknown) => told.push(new SourceFailure(error)));
  return told;
}

const settled = (answerId: string) =>
  until('it is settled', async () => {
    const { status } = await sql.row<{ status: string }>('SELECT status FROM messages WHERE id = $1', [answerId]);
    return status === 'STREAMING' ? null : status;
  });

describe('An answer whose owner is being erased', () => {
  it('is not told as final while it is stored as STREAMING, but as gone as soon as it is', async () => {
    const { answer, conversation } = await instance.send(scope);
    const told = await follow(answer.id);
    await sql.rows('UPDATE users SET erasing_at = now()');
    const model = await instance.model.asked(0);
    model.say('Never stored.');
    model.finish();
    await until(
      'it was tried to settle it',
      () => statements.filter((name) => name === 'conversations.lock').length > 1,
    );
    expect(told.filter((event) => !('type' in event) || event.type === 'finished')).toEqual([]);
    await sql.rows('DELETE FROM conversations WHERE id = $1', [conversation.id]);
    const failure = await until('it is gone', () => told.find((event) => event instanceof SourceFailure));
    expect(failure.error).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('Lost answers', () => {
  /** An answer whose writer has been gone for long enough. */
  async function lost() {
    const sent = await instance.send(scope);
    await sql.rows(
      `UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '20 s',
         suspect_since = now() - interval '6 s' WHERE message_id = $1`,
      [sent.answer.id],
    );
    return sent;
  }

  it('are settled INTERRUPTED, and those whose rows somebody holds are skipped, not waited for', async () => {
    const [held, free] = [await lost(), await lost()];
    await sql.rows('BEGIN');
    await sql.rows('SELECT FROM conversations WHERE id = $1 FOR UPDATE', [held.conversation.id]);
    const startMs = performance.now();
    await instance.sweep();
    expect(performance.now() - startMs).toBeLessThan(atMost(1000));
    expect(await settled(free.answer.id)).toBe('INTERRUPTED');
    await sql.rows('COMMIT');
    await instance.sweep();
    expect(await settled(held.answer.id)).toBe('INTERRUPTED');
  });

  it('are marked first, and settled only where nobody has renewed the lease for 5 s since', async () => {
    const { answer } = await instance.send(scope);
    await sql.rows("UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '1 h'");
    await instance.sweep();
    await instance.sweep();
    const run = await sql.row<{ suspect: boolean }>('SELECT suspect_since IS NOT NULL AS suspect FROM answer_runs');
    expect(run).toEqual({ suspect: true });
    await sql.rows(
      "UPDATE answer_runs SET suspect_since = now() - interval '6 s', lease_until = now() + interval '9 s'",
    );
    await instance.sweep();
    expect(await sql.row('SELECT status FROM messages WHERE id = $1', [answer.id])).toEqual({ status: 'STREAMING' });
    await sql.rows("UPDATE answer_runs SET lease_until = now() - interval '1 s'");
    await instance.sweep();
    expect(await settled(answer.id)).toBe('INTERRUPTED');
  });

  it('are left for the next time, all of them, where PostgreSQL falls silent: a stop waits for who settles them', async () => {
    const proxy = await OutageProxy.start(own.url);
    const database = await connectDatabase(proxy.url, { connectMs: 500, statementMs: 500 });
    try {
      for (let number = 0; number < 20; number += 1) await lost();
      const { keyring, pubsub } = instance;
      const log = createLog('silent');
      const sealed = { of: (ownerId: string) => keyring.of(ownerId).finally(() => proxy.silence()) };
      const deps = { database, pubsub, log, clock: systemClock, onChanged: () => undefined };
      const sweep = new LostAnswers({ ...deps, keyring: sealed }).sweep();
      const { outcome, ms } = await timed(sweep);
      expect(outcome).toEqual(unavailableError);
      expect(ms).toBeLessThan(atMost(4000));
    } finally {
      await closeDatabases();
      await proxy.close();
    }
    await instance.sweep();
    expect(await sql.row('SELECT count(*)::integer AS runs FROM answer_runs')).toEqual({ runs: 0 });
  });
});
