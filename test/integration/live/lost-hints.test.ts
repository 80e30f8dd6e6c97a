import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findConversationsOrGone } from '../../../src/conversations/conversation.repository.js';
import type { Scope } from '../../../src/identity/scope.js';
import { encodeHint, ownerChannel } from '../../../src/live/change-hints.js';
import { ChangeWatch } from '../../../src/live/change-watch.js';
import { followList, type ListLiveEvent } from '../../../src/live/follow-list.js';
import { statement } from '../../../src/platform/database.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from '../answers/instance.js';

/** An instance whose every hint is lost, and a list that is followed beside it. */
let own: TestDatabase;
let instance: Instance;
let clock: ManualClock;
let watch: ChangeWatch;
let statements: string[];
let scope: Scope;
let leave: AbortController;

beforeEach(async () => {
  own = await createDatabase();
  statements = [];
  instance = await Instance.start({ url: own.url, onStatement: (name) => statements.push(name) });
  clock = new ManualClock();
  watch = new ChangeWatch({ ...instance, database: instance.database, clock, log: createLog('silent') });
  leave = new AbortController();
  scope = await instance.person();
});
afterEach(async () => {
  leave.abort();
  await watch.close();
  await instance.stop();
  await own.drop();
});

const insertMany = statement(
  'test.conversations.plantMany',
  `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position, leaf_position,
     leaf_segment, message_count, created_at, updated_at)
   SELECT $1, gen_random_uuid(), false, false, 1, 0, 0, 0, 0, 0, now(), now() FROM generate_series(1, $2::integer)`,
);

/** All that the follower was told, in order; the ids of conversations beside what was said of them. */
function follow(): string[] {
  const told: string[] = [];
  const readHeaders = (ids: readonly string[]) => findConversationsOrGone(instance.database, scope.viewer.id, ids);
  const events = followList({ scope, watch, readHeaders, clock }, leave.signal);
  const listen = async () => {
    for await (const event of events) told.push(nameOf(event));
  };
  listen().catch((error: unknown) => told.push(String(error)));
  return told;
}

function nameOf(event: ListLiveEvent): string {
  if (event.type === 'ready') return 'ready';
  return `${event.type} ${event.type === 'changed' ? event.row.id : event.conversationId}`;
}

const isReady = (told: readonly string[]) => until('the list is ready', () => told.length === 1);
const create = async () => (await instance.conversations.create(scope, { temporary: false })).id;
const pin = (id: string) => instance.conversations.update(scope, { id: toPublicId('cnv', id), pinned: true });

/** Ten seconds pass, and PostgreSQL has been asked. */
async function tenSeconds(): Promise<void> {
  statements.length = 0;
  await clock.advance(10_000);
  await until('it was asked', () => statements.includes('conversations.listDigests'));
}

describe('A list whose hints are lost', () => {
  it('tells of a change within 10 s, however far down the list it is', async () => {
    const old = await create();
    await instance.database.query(insertMany, [scope.viewer.id, 300]);
    const told = follow();
    await isReady(told);
    await pin(old);
    await tenSeconds();
    await until('it is told', () => told.includes(`changed ${old}`));
    const created = await create();
    await tenSeconds();
    await until('it is told', () => told.includes(`changed ${created}`));
    await instance.conversations.delete(scope, [toPublicId('cnv', old)]);
    await tenSeconds();
    await until('it is told', () => told.includes(`deleted ${old}`));
    expect(told).toEqual(['ready', `changed ${old}`, `changed ${created}`, `deleted ${old}`]);
  });

  it('tells nothing again that a hint had told of', async () => {
    const id = await create();
    const told = follow();
    await isReady(told);
    await pin(id);
    await instance.pubsub.publish(
      ownerChannel(scope.viewer.id),
      encodeHint({ conversationId: id, neverListed: false }),
    );
    await until('it is told', () => told.length === 2);
    await tenSeconds();
    const another = await create();
    await tenSeconds();
    await until('the other is told', () => told.includes(`changed ${another}`));
    expect(told).toEqual(['ready', `changed ${id}`, `changed ${another}`]);
  });

  it.each([
    { what: 'nothing else', change: async () => {} },
    { what: 'something else', change: () => create() },
  ])(
    'tells that a conversation is gone which a hint had told of since it last asked, where $what changed',
    async ({ change }) => {
      const told = follow();
      await isReady(told);
      const id = await create();
      const hint = encodeHint({ conversationId: id, neverListed: false });
      await instance.pubsub.publish(ownerChannel(scope.viewer.id), hint);
      await until('it is told', () => told.length === 2);
      await instance.conversations.delete(scope, [toPublicId('cnv', id)]);
      await change();
      await tenSeconds();
      await until('it is told that it is gone', () => told.includes(`deleted ${id}`));
    },
  );

  it('of more than 10,000 conversations is to be read again, and is not read here', async () => {
    await instance.database.query(insertMany, [scope.viewer.id, 10_001]);
    const told = follow();
    await isReady(told);
    await create();
    await tenSeconds();
    await until('it is to be read again', () => told.length === 2);
    expect(told).toEqual(['ready', 'ready']);
    expect(statements).not.toContain('conversations.listRevisions');
  });

  it('costs one statement where nothing changed', async () => {
    await instance.database.query(insertMany, [scope.viewer.id, 300]);
    const told = follow();
    await isReady(told);
    await tenSeconds();
    expect(statements).toEqual(['conversations.listDigests']);
  });

  it('of many followers who come at once is looked at in a few statements', async () => {
    const all = Array.from({ length: 50 }, follow);
    await until('all are ready', () => all.every((told) => told.length === 1));
    const looks = statements.filter((name) => name === 'conversations.listDigests');
    expect(looks.length).toBeLessThanOrEqual(2);
  });
});

describe('A conversation whose hints are lost', () => {
  it('is noticed within 10 s, by one statement for all who follow it', async () => {
    const id = await create();
    const followers = Array.from({ length: 5 }, () => watch.openConversation(scope.viewer.id, id));
    for (const follower of followers) follower.knows(1);
    statements.length = 0;
    await clock.advance(10_000);
    await until('it was asked', () => statements.length > 0);
    expect(followers.map((follower) => follower.take())).toEqual([[], [], [], [], []]);
    await pin(id);
    statements.length = 0;
    await clock.advance(10_000);
    await Promise.all(followers.map((follower) => follower.changed(AbortSignal.timeout(5000))));
    expect(followers.map((follower) => follower.take())).toEqual([[id], [id], [id], [id], [id]]);
    expect(statements).toEqual(['conversations.revisions']);
    for (const follower of followers) follower.close();
    expect(clock.timers).toBe(0);
  });
});
