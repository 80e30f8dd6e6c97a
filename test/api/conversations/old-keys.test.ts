import { expect, it } from '@jest/globals';
import { startApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { ManualClock } from '../../support/manual-clock.js';
import { SqlClient } from '../../support/sql-client.js';
import { until } from '../../support/until.js';

it('A running server forgets idempotency keys that are older than 30 days', async () => {
  const clock = new ManualClock(Date.now());
  const app = await startApp({ clock });
  const sql = await SqlClient.connect(app.database.url);
  try {
    await create(app.person(), { idempotencyKey: 'young' });
    await sql.rows(`INSERT INTO requests (owner_id, key, fingerprint, made, created_at)
      SELECT id, uuid_send(gen_random_uuid()), '', '{}', now() - interval '31 days'
      FROM users, generate_series(1, 2500)`);
    await until('the old ones are forgotten', async () => {
      await clock.advance(1000);
      return (await sql.row<{ count: number }>('SELECT count(*)::integer AS count FROM requests')).count === 1;
    });
    expect(await sql.rows("SELECT FROM requests WHERE created_at < now() - interval '30 days'")).toEqual([]);
  } finally {
    await sql.close();
    await app.close();
  }
});
