import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { auditServer } from 'graphql-http';
import { unavailable } from '../../../src/errors.js';
import { post, request } from '../../support/http-client.js';
import { type SmallServer, startSmallServer, stopSmallServers } from './small-server.js';

const bearer = { authorization: 'Bearer ada' };
const preflight = { ...bearer, 'apollo-require-preflight': 'yes' };

let small: SmallServer;
beforeAll(async () => {
  small = await startSmallServer();
});
afterEach(() => stopSmallServers(small));
afterAll(() => stopSmallServers());

describe('GraphQL over HTTP', () => {
  it('passes 58 of the 61 audits of graphql-http, and all that are a MUST', async () => {
    const fetchFn = (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...preflight, ...init.headers } });
    const results = await auditServer({ url: small.url, fetchFn });
    const failed = results.filter((result) => result.status !== 'ok');
    expect(results).toHaveLength(61);
    expect(failed.filter((result) => result.name.startsWith('MUST'))).toEqual([]);
    // These three would have 200 for a document that is wrong: 400 is what we mean.
    expect(failed.map((result) => result.id).sort()).toEqual(['572B', '7B9B', 'FDE2']);
  });

  it('answers a query by POST and by GET, with the context whole', async () => {
    const byPost = await post(small.url, { query: '{ hello }' });
    expect([byPost.status, byPost.json]).toEqual([200, { data: { hello: 'Hello ada' } }]);
    const byGet = await request(`${small.url}?query={hello}`, { headers: preflight });
    expect(byGet.json).toEqual({ data: { hello: 'Hello ada' } });
  });

  it('refuses a GET that a page could send without a preflight, and a mutation by GET', async () => {
    const simple = await request(`${small.url}?query={hello}`, { headers: bearer });
    expect([simple.status, simple.json?.errors?.[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    const mutation = await request(`${small.url}?query=mutation{note(input:{text:"a"})}`, { headers: preflight });
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('answers in the media type that was asked for, refusals included', async () => {
    const accept = 'application/graphql-response+json, application/json;q=0.9';
    for (const body of [{ query: '{ hello }' }, '{"query": "{ hel']) {
      const answer = await post(small.url, body, { accept });
      expect(answer.headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8');
    }
    const stranger = await post(small.url, { query: '{ hello }' }, { accept, authorization: '' });
    expect(stranger.headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8');
  });

  it('sends a subscription to the socket, and no batch anywhere', async () => {
    const subscription = await post(small.url, { query: 'subscription { ticks(count: 1) { number } }' });
    expect([subscription.status, subscription.json?.errors?.[0]?.message]).toEqual([
      400,
      'Subscriptions are served over WebSocket at /graphql (graphql-transport-ws).',
    ]);
    const batch = await post(small.url, [{ query: '{ hello }' }, { query: '{ hello }' }]);
    expect([batch.status, batch.json?.errors?.[0]?.extensions]).toEqual([400, { code: 'BAD_USER_INPUT' }]);
  });

  it('knows no persisted queries', async () => {
    const persistedQuery = { version: 1, sha256Hash: '0'.repeat(64) };
    const answer = await post(small.url, { extensions: { persistedQuery } });
    expect(answer.json?.errors?.[0]?.message).toBe('PersistedQueryNotSupported');
  });
});

describe('Who asks, over HTTP', () => {
  it.each([
    ['no token', {}],
    ['a token that is refused', { authorization: 'Bearer mallory' }],
  ])('%s: HTTP 401 with UNAUTHENTICATED in a GraphQL body', async (_what, headers) => {
    const answer = await request(small.url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"query": "{ hello }"}',
    });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.json?.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
    expect(answer.json?.data).toBeUndefined();
  });

  it('asks before anything of the request is looked at', async () => {
    const answer = await post(small.url, 'no json', { authorization: '', 'content-type': 'text/plain' });
    expect(answer.status).toBe(401);
  });

  it('is UNAVAILABLE with 503 where who asks, or their keys, cannot be told now', async () => {
    const away = () => Promise.reject(unavailable());
    for (const changes of [{ authenticate: away }, { makeContext: away }]) {
      const poor = await startSmallServer(changes);
      const answer = await post(poor.url, { query: '{ hello }' });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(answer.json?.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', retryable: true });
    }
  });
});

describe('Errors, over HTTP', () => {
  it('lets an error of the catalogue through as it is', async () => {
    const answer = await post(small.url, { query: '{ refuses hello }' });
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        data: { refuses: null, hello: 'Hello ada' },
        errors: [
          {
            message: 'There is no such conversation.',
            locations: [{ line: 1, column: 3 }],
            path: ['refuses'],
            extensions: { code: 'NOT_FOUND' },
          },
        ],
      },
    ]);
  });

  it.each(['{ fails }', '{ never }', '{ broken }'])('says nothing of a fault of ours in %s', async (query) => {
    const before = small.logged.length;
    const answer = await post(small.url, { query });
    const [error] = answer.json?.errors ?? [];
    expect(error?.message).toBe('Something went wrong on our side.');
    expect(error?.extensions).toEqual({ code: 'INTERNAL', requestId: answer.headers.get('x-request-id') });
    expect(answer.text).not.toMatch(/hunter2|secret|\.ts|stack/);
    const lines = small.logged.slice(before);
    expect(lines.map((line) => [line.msg, line.requestId])).toEqual([
      ['An operation failed', answer.headers.get('x-request-id')],
    ]);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it('logs a fault once that fails many fields', async () => {
    const before = small.logged.length;
    const answer = await post(small.url, { query: '{ failsTwice }' });
    expect(answer.json?.errors).toHaveLength(2);
    expect(small.logged.slice(before)).toHaveLength(1);
  });

  it.each([
    ['a document that is no GraphQL', { query: '{ hello' }, 400, undefined],
    ['a field that does not exist', { query: '{ helo }' }, 400, undefined],
    ['no operation of that name', { query: 'query A { hello }', operationName: 'B' }, 400, undefined],
    ['a missing variable', { query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }' }, 400, 'ids'],
    [
      'a wrong variable',
      {
        query: 'mutation ($input: NoteInput!) { note(input: $input) }',
        variables: { input: { text: 'a', tags: ['b', 3] } },
      },
      400,
      'input.tags.1',
    ],
  ])('%s is BAD_USER_INPUT', async (_what, body, status, field) => {
    const answer = await post(small.url, body);
    const [error] = answer.json?.errors ?? [];
    expect([answer.status, error?.extensions.code, error?.extensions.field]).toEqual([status, 'BAD_USER_INPUT', field]);
    expect(answer.json?.data).toBeUndefined();
  });

  it('quotes a long value in part only', async () => {
    const variables = { role: 'x'.repeat(100_000) };
    const answer = await post(small.url, { query: 'query ($role: Role) { role(role: $role) }', variables });
    expect(answer.text.length).toBeLessThan(1000);
  });
});

describe('Introspection', () => {
  const queries = ['{ __schema { types { name } } }', '{ __type(name: "Person") { name } }'];
  const withSuggestion = [
    { query: '{ helo }' },
    { query: 'query ($role: Role) { role(role: $role) }', variables: { role: 'READR' } },
    { query: '{ friend }' },
  ];

  it('is refused where it is off, and nothing of the schema is suggested', async () => {
    const closed = await startSmallServer({ introspection: false });
    for (const query of queries) {
      const answer = await post(closed.url, { query });
      expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
    }
    for (const body of withSuggestion) {
      const answer = await post(closed.url, body);
      expect([answer.status, answer.text]).toEqual([400, expect.not.stringContaining('Did you mean')]);
    }
    expect((await post(closed.url, { query: '{ __typename }' })).status).toBe(200);
  });

  it('is answered where it is on, with suggestions', async () => {
    for (const query of queries) expect((await post(small.url, { query })).status).toBe(200);
    for (const body of withSuggestion) expect((await post(small.url, body)).text).toContain('Did you mean');
  });
});
