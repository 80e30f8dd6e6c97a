import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, attempt, create } from '../../support/conversations.js';
import type { Person } from '../../support/person.js';
import { foundBy, search, searchQuery } from '../../support/searching.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app?.close());

const user = (content: string) => ({ role: 'USER', content });

/** Messages of one conversation, a hundred at a time. */
async function say(person: Person, contents: readonly string[]): Promise<string> {
  const conversationId = await create(person);
  for (let from = 0; from < contents.length; from += 100) {
    await append(person, { conversationId, messages: contents.slice(from, from + 100).map(user) });
  }
  return conversationId;
}

describe('An unfinished last word', () => {
  it('is looked for in so many candidates, the newest first, and complete says whether that were all', async () => {
    const person = app.person();
    const others = Array.from({ length: 299 }, (_, n) => `Lanky ${n}`);
    await say(person, ['Some lanterns', ...others]);
    const all = await search(person, { query: 'lanter' });
    expect([all?.complete, all?.edges.map(({ node }) => node?.content)]).toEqual([true, ['Some lanterns']]);
    await say(person, ['One more lantern', 'Lanky', 'Lanky', 'Lanky']);
    const near = await search(person, { query: 'lanter' });
    expect([near?.complete, near?.edges.map(({ node }) => node?.content)]).toEqual([false, ['One more lantern']]);
    // What stands there as it is asked for, and what a page finds before the bound, needs no further look.
    expect(await foundBy(person, 'lanterns')).toEqual(['Some lanterns']);
    expect(await search(person, { query: 'lanterns ' })).toMatchObject({ complete: true });
    expect(await search(person, { query: 'lanter', first: 1 })).toMatchObject({ complete: false });
    expect(await search(person, { query: 'lank' })).toMatchObject({ complete: true });
    // From the last hit on, candidates are looked through again.
    const next = await search(person, { query: 'lanter', after: near?.pageInfo.endCursor ?? null });
    expect([next?.complete, next?.edges.map(({ node }) => node?.content)]).toEqual([true, ['Some lanterns']]);
  });

  it('is looked for in all of the history where no other words begin so, and where it has three letters', async () => {
    const person = app.person();
    const others = Array.from({ length: 600 }, (_, n) => `Else ${n}`);
    const conversationId = await say(person, ['Some lanterns', ...others]);
    for (const query of ['lanter', 'lan', 'some lant']) {
      for (const scope of [{}, { conversationId }]) {
        const found = await search(person, { query, ...scope });
        expect([found?.complete, found?.edges.map(({ node }) => node?.content)]).toEqual([true, ['Some lanterns']]);
      }
    }
    expect(await search(person, { query: 'so' })).toMatchObject({ complete: false, edges: [] });
  });

  it('is looked for in so many bytes', async () => {
    const person = app.person();
    const long = `lanky ${'blah '.repeat(200_000)}`;
    await say(person, ['Some lanterns']);
    await say(person, [long]);
    expect(await search(person, { query: 'lanter' })).toMatchObject({ complete: true, edges: [{}] });
    for (let count = 0; count < 4; count++) await say(person, [long]);
    expect(await search(person, { query: 'lanter' })).toMatchObject({ complete: false, edges: [] });
    expect(await foundBy(person, 'lanterns')).toEqual(['Some lanterns']);
  });
});

describe('A long text', () => {
  it('is found by what stands anywhere in it, and its snippet shows where', async () => {
    const person = app.person();
    const text = `${'word — and word. '.repeat(50_000)}A lantern, ${'and so on '.repeat(100)}`;
    await say(person, [text]);
    const found = await search(person, { query: 'lantern ' });
    const [edge] = found?.edges ?? [];
    expect(edge?.snippet.length).toBeLessThanOrEqual(200);
    expect(edge?.highlights.map(({ start, end }) => edge.snippet.slice(start, end))).toEqual(['lantern']);
  });

  it('is found by its first 4,096 different words', async () => {
    const person = app.person();
    await say(person, [Array.from({ length: 5000 }, (_, n) => `word${n}`).join(' ')]);
    expect(await foundBy(person, 'word0 word4095 ')).toHaveLength(1);
    expect(await foundBy(person, 'word4096 ')).toEqual([]);
  });
});

describe('The rate of searches', () => {
  it('bounds what a person looks for in a minute; what cannot be searched costs nothing', async () => {
    const env = { RATE_LIMITS: 'on', LIMITS: JSON.stringify({ searchesPerMinute: 2 }) };
    const limited = await startApp({ beside: app, env });
    try {
      const person = limited.person();
      const ask = (query: string) => attempt<unknown>(person, searchQuery, { query });
      expect(await ask('')).toMatchObject({ code: 'BAD_USER_INPUT' });
      expect((await ask('one')).code).toBeUndefined();
      expect((await ask('two')).code).toBeUndefined();
      const refused = await ask('three');
      expect(refused).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
      expect((await attempt<unknown>(limited.person(), searchQuery, { query: 'one' })).code).toBeUndefined();
    } finally {
      await limited.close();
    }
  });
});

describe('The statements of a search', () => {
  it.each([
    ['lantern ', 2],
    ['lantern', 2],
    ['lan', 2],
  ])('are as many for one hit as for a hundred: %j takes %i', async (query, most) => {
    const person = app.person();
    const counted = async () => {
      app.statements.length = 0;
      const found = await search(person, { query, first: 100 });
      return {
        hits: found?.edges.length,
        statements: app.statements.filter((name) => /^(search|messages)\./.test(name)),
      };
    };
    await say(person, ['A lantern']);
    const one = await counted();
    await say(
      person,
      Array.from({ length: 120 }, () => 'A lantern'),
    );
    const many = await counted();
    expect([one.hits, many.hits]).toEqual([1, 100]);
    expect(many.statements).toEqual(one.statements);
    expect(one.statements).toHaveLength(most);
  });
});
