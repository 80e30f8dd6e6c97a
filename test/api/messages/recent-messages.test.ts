import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { TestApp } from '../../support/app.js';
import { ask } from '../../support/ask.js';
import { erase } from '../../support/branches.js';
import { append, create, readMessage, readPage, remove, send } from '../../support/conversations.js';
import { answered, ModelByHand, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { testRedisUrl } from '../../support/test-redis.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

let both: TwoInstances;
let model: ModelServer;
let instances: readonly [TestApp, TestApp];
let sql: SqlClient;
let redis: Redis;
beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  ({ instances, sql } = both);
  redis = new Redis(testRedisUrl());
});
afterAll(async () => {
  redis?.disconnect();
  await both?.close();
});

/** The list of a conversation, by its name in Redis. */
async function listOf(conversationId: string) {
  const id = uuidOf(conversationId);
  const { owner_id: ownerId } = await sql.row<{ owner_id: string }>(
    'SELECT owner_id FROM conversations WHERE id = $1',
    [id],
  );
  return `${ownerId}:conversation:${id}:messages`;
}

/** What the list holds of each message, newest first. */
async function kept(key: string) {
  const elements = await redis.lrange(key, 0, -1);
  return elements.map((element) => {
    const [, revision = '', json = ''] = /^(\d+):(.*)$/s.exec(element) ?? [];
    return {
      revision: Number(revision),
      row: JSON.parse(json) as { position: number; status: string; chunks: unknown },
    };
  });
}

const say = (person: Person, conversationId: string, ...contents: string[]) =>
  append(person, { conversationId, messages: contents.map((content) => ({ role: 'USER', content })) });

describe('The newest 15 visible messages', () => {
  it('are a sealed LIST in Redis, newest first, with the revision of the header and an hour to live', async () => {
    const person = instances[0].person();
    const conversationId = await create(person);
    await say(person, conversationId, ...Array.from({ length: 20 }, (_, number) => `canary ${number}`));
    await readPage(person, conversationId, { last: 15 });
    const key = await listOf(conversationId);
    const elements = await until('it is kept', async () => {
      const all = await kept(key);
      return all.length === 15 ? all : null;
    });
    expect(elements.map(({ row }) => row.position)).toEqual(Array.from({ length: 15 }, (_, number) => 20 - number));
    const { revision } = await sql.row<{ revision: number }>('SELECT revision FROM conversations WHERE id = $1', [
      uuidOf(conversationId),
    ]);
    expect(new Set(elements.map((element) => element.revision))).toEqual(new Set([revision]));
    expect(await redis.pttl(key)).toBeGreaterThan(59 * 60_000);
    expect((await redis.lrange(key, 0, -1)).join()).not.toContain('canary');
  });

  it('are read without a statement on messages, on either instance, from the first message on', async () => {
    const [person, device] = instances.map((instance) => instance.person('a reader')) as [Person, Person];
    const conversationId = await create(person);
    for (const number of [1, 2, 3]) {
      await say(person, conversationId, `message ${number}`);
      const key = await listOf(conversationId);
      await until('it is kept', async () => (await kept(key)).length === number);
      for (const [instance, reader] of [
        [instances[0], person],
        [instances[1], device],
      ] as const) {
        const page = { nodes: [] as readonly { content: string }[], totalCount: 0 };
        const sent = await instance.statementsOf(async () =>
          Object.assign(page, await readPage(reader, conversationId, { last: 15 })),
        );
        expect(sent.filter((name) => name.startsWith('messages.'))).toEqual([]);
        expect(page.nodes.map(({ content }) => content)).toEqual(
          ['message 1', 'message 2', 'message 3'].slice(0, number),
        );
        expect(page.totalCount).toBe(number);
      }
    }
  });

  it('serve smaller pages too, with exact flags; larger ones and those around a cursor are read from PostgreSQL', async () => {
    const person = instances[0].person();
    const conversationId = await create(person);
    await say(person, conversationId, ...Array.from({ length: 20 }, (_, number) => `${number}`));
    const whole = await readPage(person, conversationId, { last: 15 });
    const key = await listOf(conversationId);
    await until('it is kept', async () => (await kept(key)).length === 15);
    const sent = await instances[0].statementsOf(async () => {
      const three = await readPage(person, conversationId, { last: 3 });
      expect(three.nodes).toEqual(whole.nodes.slice(-3));
      expect(three.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
    });
    expect(sent.filter((name) => name.startsWith('messages.'))).toEqual([]);
    for (const page of [{ last: 16 }, { first: 15 }, { last: 5, before: whole.pageInfo.startCursor }]) {
      const read = await instances[0].statementsOf(() => readPage(person, conversationId, page));
      expect(read.filter((name) => name.startsWith('messages.'))).toHaveLength(1);
    }
  });

  it('hold a running answer without its text, which PostgreSQL alone has', async () => {
    const person = instances[0].person();
    const hand = new ModelByHand();
    model.replyWith(hand.reply);
    const { conversation, answer } = await send(person, { content: 'Well?' });
    await hand.text('So far');
    await until('it is durable', async () => (await readMessage(person, answer.id)).content === 'So far');
    const key = await listOf(conversation.id);
    const [newest] = await until('it is kept', async () => {
      const all = await kept(key);
      return all.length === 2 ? all : null;
    });
    expect(newest?.row).toMatchObject({ status: 'STREAMING', chunks: null, content: null });
    const { nodes } = await readPage(person, conversation.id, { last: 15 });
    expect(nodes.map(({ content, status }) => [content, status])).toEqual([
      ['Well?', 'COMPLETE'],
      ['So far', 'STREAMING'],
    ]);
    await hand.finish();
    await until('it is kept as it ended', async () => (await kept(key))[0]?.row.status === 'COMPLETE');
    expect((await readPage(person, conversation.id, { last: 15 })).nodes.at(-1)?.content).toBe('So far');
  });

  it("are the model's context, without a statement on messages, and PostgreSQL where they are gone", async () => {
    const person = instances[0].person();
    const first = await ask(person, model, { content: 'One?' }, 'One.');
    const conversationId = first.conversation.id;
    const key = await listOf(conversationId);
    const asked = async (content: string) => {
      const before = await kept(key);
      const sent = await instances[0].statementsOf(() =>
        ask(person, model, { conversationId, content }, `${content}.`),
      );
      await until('it is kept', async () => before.length === 0 || (await kept(key))[0]?.row.status === 'COMPLETE');
      return sent.filter((name) => name === 'messages.ancestors').length;
    };
    await until('it is kept', async () => (await kept(key))[0]?.row.status === 'COMPLETE');
    expect(await asked('Two')).toBe(0);
    await redis.del(key);
    expect(await asked('Three')).toBe(1);
    await readPage(person, conversationId, { last: 15 });
    await until('it is kept again', async () => (await kept(key)).length === 6);
    const last = await ask(person, model, { conversationId, content: 'Four' }, 'Four.');
    expect(last.prompt).toEqual([
      ...['user: One?', 'assistant: One.', 'user: Two', 'assistant: Two.'],
      ...['user: Three', 'assistant: Three.', 'user: Four'],
    ]);
  });

  it('are forgotten where a message is erased, or the conversation deleted', async () => {
    const person = instances[0].person();
    const conversationId = await create(person);
    const { messages } = await say(person, conversationId, 'one', 'two');
    const key = await listOf(conversationId);
    await until('they are kept', async () => (await kept(key)).length === 2);
    await erase(person, messages[0]?.id ?? '');
    expect(await redis.exists(key)).toBe(0);
    expect((await readPage(person, conversationId, { last: 15 })).nodes.map(({ content }) => content)).toEqual([
      '',
      'two',
    ]);
    await until('they are kept', async () => (await kept(key)).length === 2);
    await remove(person, conversationId);
    await until('they are gone', async () => (await redis.exists(key)) === 0);
  });

  it('spare nine of ten reads of messages, over ten turns with three page loads each', async () => {
    await sql.rows('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const [withLists, withoutLists] = [await readsOfTenTurns('kept'), await readsOfTenTurns('lost')];
    expect(withoutLists).toBeGreaterThanOrEqual(39);
    expect(withLists).toBeLessThanOrEqual(withoutLists / 10);
  });
});

/** Statements that read pages and contexts; what a send looks at under its lock belongs to the write. */
const reads = `SELECT coalesce(sum(calls), 0)::integer AS calls FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND query ~ 'FROM messages|JOIN messages' AND query !~ 'INSERT|UPDATE|DELETE|JOIN answer_runs|pg_stat_statements'`;

async function readsOfTenTurns(lists: 'kept' | 'lost'): Promise<number> {
  const person = instances[0].person();
  const { calls: callsBefore } = await sql.row<{ calls: number }>(reads);
  model.replyWith(answered('Well.'));
  let input: object = { content: 'Question 0' };
  for (let turn = 1; turn <= 10; turn += 1) {
    const { conversation } = await send(person, input);
    const key = await listOf(conversation.id);
    await until('the answer is over', () => isOver(conversation.id));
    const isKept = () => until('it is kept', async () => (await kept(key))[0]?.row.status === 'COMPLETE');
    if (lists === 'kept' || turn === 1) await isKept();
    for (let load = 0; load < 3; load += 1) {
      if (lists === 'lost') await redis.del(key);
      expect((await readPage(person, conversation.id, { last: 15 })).totalCount).toBe(2 * turn);
      // It is kept behind the reader's back: what is to be lost must be there first.
      await isKept();
    }
    if (lists === 'lost') await redis.del(key);
    input = { content: `Question ${turn}`, conversationId: conversation.id };
  }
  return (await sql.row<{ calls: number }>(reads)).calls - callsBefore;
}

/** By SQL, so that nothing is read that counts. */
async function isOver(conversationId: string): Promise<boolean> {
  const running = 'SELECT FROM answer_runs WHERE conversation_id = $1';
  return (await sql.rows(running, [uuidOf(conversationId)])).length === 0;
}
