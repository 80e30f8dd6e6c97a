import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, attempt, create, send } from '../../support/conversations.js';
import { runJob } from '../../support/jobs.js';
import { ModelByHand, ModelServer } from '../../support/model-server.js';
import { patience } from '../../support/patience.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from '../live/conversation-device.js';

let both: TwoInstances;
let model: ModelServer;
let one: TestApp;
let other: TestApp;
let sql: SqlClient;
let ada: Person;
let adaElsewhere: Person;
let people = 0;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model, { RETENTION_DAYS: '30' });
  [one, other] = both.instances;
  sql = both.sql;
});
beforeEach(() => {
  people += 1;
  ada = one.person(`retained ${people}`);
  adaElsewhere = other.person(`retained ${people}`);
});
afterAll(() => both?.close());

const setMutation = 'mutation ($days: Int) { setRetention(days: $days) { id retentionDays } }';

async function setRetention(person: Person, days: number | null) {
  return (await person.data<{ setRetention: { id: string; retentionDays: number | null } }>(setMutation, { days }))
    .setRetention;
}

const inForce = async (person: Person) =>
  (await person.data<{ viewer: { retentionDays: number | null } }>('{ viewer { retentionDays } }')).viewer
    .retentionDays;

/** As if nobody had said anything in it for so long. */
const unusedFor = (id: string, days: number) =>
  sql.rows(`UPDATE conversations SET updated_at = now() - $2 * interval '1 day' WHERE id = $1`, [uuidOf(id), days]);

const isThere = async (person: Person, id: string) =>
  (await person.data<{ node: object | null }>('query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null;

const expire = (what: 'inactive' | 'temporary') => runJob(one.database.url, `expire-${what}`);

interface Audited {
  readonly action: string;
  readonly details: { readonly reason?: string; readonly count?: number; readonly conversations?: readonly string[] };
}

const audited = (like: string) =>
  sql.rows<Audited>('SELECT action, details FROM audit_events WHERE details::text LIKE $1 ORDER BY number', [
    `%${like}%`,
  ]);

describe('retentionDays', () => {
  it('is what is in force: the person’s own, or RETENTION_DAYS; setRetention(null) goes back to the latter', async () => {
    expect(await inForce(ada)).toBe(30);
    expect(await setRetention(ada, 7)).toMatchObject({ retentionDays: 7 });
    expect(await inForce(adaElsewhere)).toBe(7);
    expect(await inForce(one.person())).toBe(30);
    expect(await setRetention(adaElsewhere, null)).toMatchObject({ retentionDays: 30 });
    expect(await inForce(ada)).toBe(30);
  });

  it('may be shorter than the server’s, not longer: BAD_USER_INPUT, which says the most; nor less than a day', async () => {
    for (const days of [31, 0, -1, 2_147_483_647]) {
      const refused = await attempt(ada, setMutation, { days });
      expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', field: 'days', message: expect.stringContaining('30') });
    }
    expect(await setRetention(ada, 30)).toMatchObject({ retentionDays: 30 });
  });

  it('is the server’s where the person’s own was chosen when the server kept more', async () => {
    await setRetention(ada, 20);
    const stricter = await startApp({ beside: one, env: { LIMITS: patience, RETENTION_DAYS: '10' } });
    const keeper = await startApp({ beside: one, env: { RETENTION_DAYS: '' } });
    try {
      const [name] = [`retained ${people}`];
      expect(await inForce(stricter.person(name))).toBe(10);
      expect(await inForce(keeper.person(name))).toBe(20);
      expect(await inForce(keeper.person())).toBeNull();
      expect(await setRetention(keeper.person(name), 400)).toMatchObject({ retentionDays: 400 });
    } finally {
      await keeper.close();
      await stricter.close();
    }
  });

  it('costs a statement only where it is asked for, and changing it is written down once', async () => {
    await ada.data('{ viewer { id } }');
    expect(await one.statementsOf(() => ada.data('{ viewer { id email } }'))).toEqual([]);
    const twice = '{ viewer { id retentionDays } again: viewer { retentionDays } }';
    expect(new Set(await one.statementsOf(() => ada.data(twice)))).toEqual(new Set(['retention.own']));
    for (const days of [11, 11]) await setRetention(ada, days);
    expect(await audited('"days": 11')).toEqual([{ action: 'retention.set', details: { days: 11 } }]);
  });
});

describe('The job of retention', () => {
  it('deletes what was inactive for longer than is in force, whoever’s, archived or not, and nothing else', async () => {
    const grace = one.person();
    await setRetention(ada, 7);
    const old = [await create(ada), await create(ada), await create(ada)];
    for (const id of old) await unusedFor(id, 8);
    const [archived = ''] = old;
    await ada.data(
      'mutation ($id: ID!) { updateConversation(input: { id: $id, archived: true }) { conversation { id } } }',
      {
        id: archived,
      },
    );
    const kept = [await create(ada), await create(ada, { temporary: true }), await create(grace)];
    for (const [index, id] of kept.entries()) await unusedFor(id, [6, 300, 29][index] ?? 0);
    const hers = await create(grace);
    await unusedFor(hers, 31);
    await expire('inactive');
    for (const id of old) expect([await isThere(ada, id), await isThere(adaElsewhere, id)]).toEqual([false, false]);
    expect(await isThere(grace, hers)).toBe(false);
    const [first, second, third] = kept;
    expect(await isThere(adaElsewhere, first ?? '')).toBe(true);
    expect(await isThere(adaElsewhere, second ?? '')).toBe(true);
    expect(await isThere(grace, third ?? '')).toBe(true);
    await until('their rows are removed', async () => {
      return (await sql.rows('SELECT FROM conversations WHERE id = ANY ($1)', [old.map(uuidOf)])).length === 0;
    });
  });

  it('is done once over all instances, and tells whoever follows', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => create(ada)));
    const [followed = ''] = ids;
    const devices = [ada, adaElsewhere].map((person) => ConversationDevice.follow(person, followed));
    for (const device of devices) await device.until(() => device.kinds.length === 1);
    for (const id of ids) await unusedFor(id, 31);
    await Promise.all([expire('inactive'), expire('temporary')]);
    for (const device of devices) {
      await device.until(() => device.complete);
      expect(device.kinds.at(-1)).toBe('ConversationDeleted');
      await device.leave();
    }
    const events = await audited(followed);
    expect(events).toEqual([
      { action: 'retention.expire', details: { reason: 'inactive', count: 5, conversations: expect.any(Array) } },
    ]);
    expect(events[0]?.details.conversations?.toSorted()).toEqual(ids.toSorted());
    const done = await sql.row<{ retries: number }>(
      "SELECT max(retry_count)::integer AS retries FROM jobs.job WHERE name = 'expire-inactive'",
    );
    expect(done.retries).toBe(0);
  });

  it('leaves a conversation whose answer is being written: that is not inactive', async () => {
    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const { conversation, answer } = await send(ada, { content: 'Why?' });
    await byHand.text('Because');
    await unusedFor(conversation.id, 31);
    await expire('inactive');
    expect(await isThere(ada, conversation.id)).toBe(true);
    await ada.data('mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }', { id: answer.id });
  });

  it('removes temporary conversations that have expired, with the answers that are written in them', async () => {
    const byHand = new ModelByHand();
    model.replyWith(byHand.reply);
    const id = await create(ada, { temporary: true });
    const { answer } = await send(ada, { conversationId: id, content: 'Why?' });
    await byHand.text('Because');
    const quiet = await create(ada, { temporary: true });
    await append(ada, { conversationId: quiet, messages: [{ role: 'USER', content: 'Here.' }] });
    const later = await create(ada, { temporary: true });
    await sql.rows('UPDATE conversations SET expires_at = now() WHERE id = ANY ($1)', [[id, quiet].map(uuidOf)]);
    await expire('temporary');
    const runs = await sql.rows('SELECT FROM answer_runs WHERE message_id = $1', [uuidOf(answer.id)]);
    expect([runs.length, await isThere(ada, id), await isThere(ada, quiet), await isThere(ada, later)]).toEqual([
      ...[0, false, false],
      true,
    ]);
    expect(await model.calls[0]?.closed).toBe(false);
    await until('their rows are removed', async () => {
      return (await sql.rows('SELECT FROM conversations WHERE id = ANY ($1)', [[id, quiet].map(uuidOf)])).length === 0;
    });
    expect(await audited(quiet)).toMatchObject([
      { action: 'retention.expire', details: { reason: 'temporary', count: 2 } },
    ]);
  });
});

describe('A start on a database without the tables of the job queue', () => {
  it('says to run migrate', async () => {
    const bare = await startApp();
    const client = await SqlClient.connect(bare.database.url);
    await bare.stop();
    await client.rows('DROP SCHEMA jobs CASCADE');
    await expect(startApp({ beside: bare })).rejects.toThrow(/run `npm run cli -- migrate`/);
    const migrated = await startApp({ beside: bare, env: { MIGRATE: 'on' } });
    await migrated.stop();
    await client.close();
    await bare.close();
  });
});
