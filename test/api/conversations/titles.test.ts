import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, create, remove } from '../../support/conversations.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { until } from '../../support/until.js';

let app: TestApp;
let sql: SqlClient;
beforeAll(async () => {
  app = await startApp();
  sql = await SqlClient.connect(app.database.url);
});
afterAll(async () => {
  await sql?.close();
  await app?.close();
});

async function found(person: Person, title: string): Promise<number> {
  const query = 'query ($title: String) { conversations(filter: { title: $title }) { totalCount } }';
  return (await person.data<{ conversations: { totalCount: number } }>(query, { title })).conversations.totalCount;
}

const say = (person: Person, conversationId: string, content: string) =>
  append(person, { conversationId, messages: [{ role: 'USER', content }] });

/** The transaction that wrote last what a title is found by; undefined where nothing is left of it. */
async function written(conversationId: string): Promise<string | undefined> {
  const text = 'SELECT xmin::text AS xmin FROM conversation_titles WHERE conversation_id = $1';
  return (await sql.rows<{ xmin: string }>(text, [uuidOf(conversationId)]))[0]?.xmin;
}

describe('What a conversation is found by', () => {
  it('is the title of the first message, and no later message writes it again', async () => {
    const person = app.person();
    const id = await create(person);
    expect([await found(person, 'new conv'), await found(person, 'cheese')]).toEqual([1, 0]);
    await say(person, id, 'Cheese at home');
    expect([await found(person, 'new conv'), await found(person, 'cheese ho')]).toEqual([0, 1]);
    const first = await written(id);
    await say(person, id, 'And butter?');
    expect(await written(id)).toBe(first);
    expect([await found(person, 'butter'), await found(person, 'cheese')]).toEqual([0, 1]);
  });

  it("stays the person's own title where there is one", async () => {
    const person = app.person();
    const id = await create(person, { title: 'Dairy' });
    const first = await written(id);
    await say(person, id, 'Cheese at home');
    expect(await written(id)).toBe(first);
    expect([await found(person, 'dairy'), await found(person, 'cheese')]).toEqual([1, 0]);
  });

  it.each([' ', '\u200b', '\u2060\ufeff\u3000'])('is not a title that shows nothing: %j', async (title) => {
    const person = app.person();
    const id = await create(person, { title });
    await say(person, id, 'Cheese at home');
    const read = 'query ($id: ID!) { conversation(id: $id) { title } }';
    expect(await person.data(read, { id })).toEqual({ conversation: { title: 'Cheese at home' } });
    expect(await found(person, 'cheese')).toBe(1);
  });

  it('is removed with the conversation', async () => {
    const person = app.person();
    const id = await create(person, { title: 'Dairy' });
    expect(await written(id)).toBeDefined();
    await remove(person, id);
    expect(await found(person, 'dairy')).toBe(0);
    await until('what it was found by is gone', async () => (await written(id)) === undefined);
  });
});
