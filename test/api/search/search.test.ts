import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestApp } from '../../support/app.js';
import { ask, isOver } from '../../support/ask.js';
import { append, create, readMessage, readPage, remove, send } from '../../support/conversations.js';
import { chunk, ModelServer, stalled } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { foundBy, search, searchQuery } from '../../support/searching.js';
import { type SqlClient, uuidOf } from '../../support/sql-client.js';
import { startTwoInstances, type TwoInstances } from '../../support/two-instances.js';
import { until } from '../../support/until.js';

let both: TwoInstances;
let model: ModelServer;
let apps: readonly [TestApp, TestApp];
let sql: SqlClient;
/** The same person at two instances: what one of them is told, the other one finds. */
let here: Person;
let there: Person;

beforeAll(async () => {
  model = await ModelServer.start();
  both = await startTwoInstances(model);
  ({ instances: apps, sql } = both);
});
beforeEach(() => {
  const name = randomUUID();
  [here, there] = [apps[0].person(name), apps[1].person(name)];
});
afterAll(() => both?.close());

const said = (...contents: string[]) => contents.map((content) => ({ role: 'USER', content }));

/** A conversation of these messages of the person's. */
async function say(...contents: string[]): Promise<string> {
  const conversationId = await create(here);
  await append(here, { conversationId, messages: said(...contents) });
  return conversationId;
}

describe('A search', () => {
  it('finds at every instance what was said a moment ago, newest first', async () => {
    await say('A lantern and a parrot.', 'A parrot.', 'Nothing.');
    await say('A lantern, a parrot.');
    expect(await foundBy(there, 'parrot ')).toEqual(['A lantern, a parrot.', 'A parrot.', 'A lantern and a parrot.']);
    expect(await foundBy(there, 'parrot lantern ')).toEqual(['A lantern, a parrot.', 'A lantern and a parrot.']);
    expect(await foundBy(there, 'parrot zebra ')).toEqual([]);
  });

  it('gives a question after its answer, which is newer', async () => {
    await ask(here, model, { content: 'A lantern?' }, 'A lantern.');
    expect(await foundBy(there, 'lantern ')).toEqual(['A lantern.', 'A lantern?']);
  });

  it('finds an answer when it is final, with what it said until then', async () => {
    model.replyWith(stalled(chunk({ content: 'A half lantern' })));
    const { answer } = await send(here, { content: 'What is it?' });
    await until('there is some text', async () => (await readMessage(here, answer.id)).content !== '');
    expect(await foundBy(there, 'lantern ')).toEqual([]);
    await there.data('mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }', { id: answer.id });
    await isOver(there, answer.id);
    expect(await foundBy(here, 'lantern ')).toEqual(['A half lantern']);
  });

  it('finds both what was edited and what it was before, and both answers', async () => {
    const first = await ask(here, model, { content: 'A blue lantern?' }, 'A blue one.');
    const edit = `mutation ($input: EditMessageInput!) { editMessage(input: $input) { answer { id } } }`;
    const { editMessage } = await here.data<{ editMessage: { answer: { id: string } } }>(edit, {
      input: { messageId: first.message.id, content: 'A red lantern?' },
    });
    await isOver(here, editMessage.answer.id);
    expect(await foundBy(there, 'lantern ')).toEqual(['A red lantern?', 'A blue lantern?']);
    expect(await foundBy(there, 'red ')).toEqual(['A red lantern?']);
    const found = await search(there, { query: 'lantern ' });
    expect(found?.edges.map(({ node }) => node?.visible)).toEqual([true, false]);
    const regenerate = `mutation ($input: RegenerateAnswerInput!) { regenerateAnswer(input: $input) { answer { id } } }`;
    const { regenerateAnswer } = await here.data<{ regenerateAnswer: { answer: { id: string } } }>(regenerate, {
      input: { messageId: first.answer.id },
    });
    await isOver(here, regenerateAnswer.answer.id);
    expect(await foundBy(there, 'blue one ')).toEqual(['A blue one.', 'A blue one.', 'A blue one.']);
  });

  it('finds on hidden branches too, and the cursor of the message opens the page around it', async () => {
    const conversationId = await create(here);
    const [, second] = (await append(here, { conversationId, messages: said('1', '2 lantern', '3') })).messages;
    await append(here, { conversationId, parentId: second?.id, messages: said('3 again') });
    await append(here, { conversationId, messages: said('4') });
    const query = `{ search(query: "lantern ") { edges { node { cursor conversation { id } } } } }`;
    const { search: found } = await there.data<{ search: { edges: { node: { cursor: string } }[] } }>(query);
    const cursor = found.edges[0]?.node.cursor;
    const before = await readPage(there, conversationId, { last: 5, before: cursor });
    const after = await readPage(there, conversationId, { first: 5, after: cursor });
    expect([before, after].map(({ nodes }) => nodes.map(({ content }) => content))).toEqual([['1'], ['3 again', '4']]);
  });

  it('forgets at once what was deleted, and what was erased', async () => {
    const doomed = await say('A lantern to delete.');
    const conversationId = await create(here);
    const [message] = (await append(here, { conversationId, messages: said('A lantern to erase.') })).messages;
    expect(await foundBy(there, 'lantern ')).toHaveLength(2);
    expect(await foundBy(there, 'lante')).toHaveLength(2);
    await remove(here, doomed);
    expect(await foundBy(there, 'lantern ')).toEqual(['A lantern to erase.']);
    const erase = 'mutation ($id: ID!) { eraseMessage(messageId: $id) { message { id } } }';
    await here.data(erase, { id: message?.id });
    expect(await foundBy(there, 'lantern ')).toEqual([]);
    expect(await foundBy(there, 'lante')).toEqual([]);
    expect(await foundBy(there, 'l')).toEqual([]);
    const left = await sql.rows('SELECT FROM messages WHERE terms IS NOT NULL AND id = $1', [
      uuidOf(message?.id ?? ''),
    ]);
    expect(left).toEqual([]);
  });

  it('never finds temporary conversations, asked for by their id neither', async () => {
    const conversationId = await create(here, { temporary: true });
    await append(here, { conversationId, messages: said('A lantern.') });
    for (const query of ['lantern ', 'lante', 'la']) {
      expect(await foundBy(there, query)).toEqual([]);
      expect(await foundBy(there, query, { conversationId })).toEqual([]);
    }
  });

  it('looks through what people and models say, in content alone', async () => {
    const conversationId = await create(here, { title: 'Lantern', systemPrompt: 'lantern' });
    const messages = ['SYSTEM', 'TOOL', 'USER', 'ASSISTANT'].map((role) => ({ role, content: `${role} lantern` }));
    const hidden = { role: 'ASSISTANT', content: 'Else.', reasoning: 'lantern', metadata: { lantern: 'lantern' } };
    await append(here, { conversationId, messages: [...messages, hidden] });
    expect(await foundBy(there, 'lantern ')).toEqual(['ASSISTANT lantern', 'USER lantern']);
    expect(await foundBy(there, 'la')).toEqual(['ASSISTANT lantern', 'USER lantern']);
  });

  it('finds nothing of anybody else’s', async () => {
    await say('A lantern.');
    expect(await foundBy(apps[1].person(), 'lantern ')).toEqual([]);
    expect(await foundBy(apps[1].person(), 'lan')).toEqual([]);
  });
});

describe('A search in one conversation', () => {
  it('finds what stands there, the last said first, whatever time it was said at', async () => {
    await say('Another lantern.');
    const conversationId = await create(here);
    const times = ['2026-03-01', '2026-01-01', '2026-02-01'].map((day) => `${day}T00:00:00.000Z`);
    const messages = times.map((createdAt, n) => ({ role: 'USER', content: `Lantern ${n}`, createdAt }));
    await append(here, { conversationId, messages });
    expect(await foundBy(there, 'lantern ', { conversationId })).toEqual(['Lantern 2', 'Lantern 1', 'Lantern 0']);
    expect(await foundBy(there, 'lan', { conversationId })).toHaveLength(3);
    expect(await foundBy(there, 'lant', { conversationId })).toHaveLength(3);
    // All together go by time.
    const all = ['Another lantern.', 'Lantern 0', 'Lantern 2', 'Lantern 1'];
    expect(await foundBy(there, 'lantern ')).toEqual(all);
    expect(await foundBy(there, 'lantern ', { conversationId: null })).toEqual(all);
  });

  it('is null where there is none', async () => {
    const conversationId = await say('A lantern.');
    await remove(here, conversationId);
    for (const id of [conversationId, `cnv_${'0'.repeat(32)}`, 'x', '']) {
      expect(await search(there, { query: 'lantern', conversationId: id })).toBeNull();
    }
  });
});

describe('The pages of a search', () => {
  it.each(['lantern ', 'lantern', 'lan', 'la', 'number lanter'])(
    'follow one another, each hit once, with exact flags: %j',
    async (query) => {
      const conversationId = await create(here);
      const texts = Array.from({ length: 23 }, (_, n) => (n % 2 === 0 ? `Lantern number ${n}` : `Else ${n}`));
      await append(here, { conversationId, messages: said(...texts) });
      const wanted = texts.filter((_, n) => n % 2 === 0).reverse();
      for (const scope of [{}, { conversationId }]) {
        const pages: string[][] = [];
        let after: string | null = null;
        for (let page = 0; page < 9; page++) {
          const found: Awaited<ReturnType<typeof search>> = await search(there, { query, first: 4, after, ...scope });
          if (!found) throw new Error('The conversation is gone.');
          const { edges, pageInfo, complete } = found;
          pages.push(edges.map(({ node }) => node?.content ?? ''));
          expect(complete).toBe(true);
          expect(pageInfo.hasPreviousPage).toBe(page > 0);
          expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0]?.cursor, edges.at(-1)?.cursor]);
          if (!pageInfo.hasNextPage) break;
          after = pageInfo.endCursor;
        }
        expect(pages).toEqual([wanted.slice(0, 4), wanted.slice(4, 8), wanted.slice(8)]);
      }
    },
  );

  it('say that nothing precedes them where what did is gone', async () => {
    const first = await say('Lantern one');
    const second = await say('Lantern two');
    const found = await search(there, { query: 'lantern', first: 1 });
    expect(found?.pageInfo.hasNextPage).toBe(true);
    await remove(here, second);
    const next = await search(there, { query: 'lantern', after: found?.pageInfo.endCursor ?? null });
    expect(next?.edges.map(({ node }) => node?.content)).toEqual(['Lantern one']);
    expect(next?.pageInfo).toMatchObject({ hasPreviousPage: false, hasNextPage: false });
    await remove(here, first);
  });
});

describe('A damaged message among the hits', () => {
  it.each(['lantern ', 'lantern', 'lan'])('is null with DATA_INTEGRITY, and the page stands: %j', async (query) => {
    const conversationId = await create(here);
    const { messages } = await append(here, { conversationId, messages: said('Lantern one', 'Lantern two') });
    await sql.rows('UPDATE messages SET sealed_content = substring(sealed_content FOR 30) WHERE id = $1', [
      uuidOf(messages[0]?.id ?? ''),
    ]);
    const { data, errors } = await there.graphql(searchQuery, { query });
    const found = data?.search as NonNullable<Awaited<ReturnType<typeof search>>>;
    expect(found.edges.map(({ node, snippet }) => [node?.content ?? null, snippet])).toEqual([
      ['Lantern two', 'Lantern two'],
      [null, ''],
    ]);
    expect(errors?.map(({ extensions, path }) => [extensions.code, path])).toEqual([
      ['DATA_INTEGRITY', ['search', 'edges', 1, 'node']],
    ]);
  });

  it('that cannot be looked through is said to be missing: complete is false', async () => {
    const conversationId = await create(here);
    const { messages } = await append(here, { conversationId, messages: said('Lanterns', 'Lanterns, too') });
    expect(await search(there, { query: 'lantern' })).toMatchObject({ complete: true });
    await sql.rows('UPDATE messages SET sealed_content = substring(sealed_content FOR 30) WHERE id = $1', [
      uuidOf(messages[1]?.id ?? ''),
    ]);
    const found = await search(there, { query: 'lantern' });
    expect([found?.complete, found?.edges.map(({ node }) => node?.content)]).toEqual([false, ['Lanterns']]);
  });
});
