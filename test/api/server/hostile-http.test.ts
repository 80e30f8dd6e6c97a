import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { atMost } from '../../support/at-most.js';
import { exchangeBytes, post, request } from '../../support/http-client.js';
import { type SmallServer, startSmallServer, stopSmallServers } from './small-server.js';

const kibibyte = 1024;
const json = { authorization: 'Bearer ada', 'content-type': 'application/json' };

let small: SmallServer;
beforeAll(async () => {
  small = await startSmallServer();
});
afterEach(() => stopSmallServers(small));
afterAll(() => stopSmallServers());

const codeOf = async (query: string, variables?: object) => {
  const { status, json: body } = await post(small.url, { query, variables });
  return [status, body?.errors?.[0]?.extensions.code];
};

describe('The body of a request', () => {
  const note = 'mutation ($text: String!) { note(input: { text: $text }) }';
  const append = 'mutation ($text: String!) { appendMessages(text: $text) }';

  it('is 256 KiB at most', async () => {
    const room = 256 * kibibyte - JSON.stringify({ query: note, variables: { text: '' } }).length;
    const fits = await post(small.url, { query: note, variables: { text: 'x'.repeat(room) } });
    expect([fits.status, fits.json?.data]).toEqual([200, { note: room }]);
    const answer = await post(small.url, { query: note, variables: { text: 'x'.repeat(room + 1) } });
    expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it('is 4 MiB at most where it is importMessages or appendMessages, and nothing else beside', async () => {
    const variables = { text: 'x'.repeat(4000 * kibibyte) };
    for (const query of [append, append.replace('append', 'import'), `${append} query Other { hello }`]) {
      const answer = await post(small.url, { query, variables, operationName: query.includes('Other') ? 'Q' : null });
      if (query.includes('Other')) expect(answer.status).toBe(413);
      else expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('4096000')]);
    }
    const sneaky =
      'mutation ($text: String!) { appendMessages(text: $text) ...More } fragment More on Mutation { note(input: {text: "a"}) }';
    expect((await post(small.url, { query: sneaky, variables })).status).toBe(413);
    expect((await post(small.url, { query: append, variables: { text: 'x'.repeat(4096 * kibibyte) } })).status).toBe(
      413,
    );
  });
});

describe('A body that is far too large', () => {
  it('of 10 MB is refused, and the client sees the refusal', async () => {
    for (let round = 0; round < 5; round += 1) {
      const answer = await post(small.url, `{"query": "${'x'.repeat(10_000_000)}"}`);
      expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    }
  });

  it('of 10 MB is refused to a client, too, that reads nothing before it has sent all', async () => {
    const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nContent-Type: application/json\r\n';
    const bytes = Buffer.alloc(10_000_000, 'x');
    const answer = await exchangeBytes(
      small.port,
      Buffer.concat([Buffer.from(`${head}Content-Length: 10000000\r\n\r\n`), bytes]),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*PAYLOAD_TOO_LARGE/s);
  });

  it('of 10 MB is refused when it comes in chunks of unknown number', async () => {
    const chunk = new TextEncoder().encode('x'.repeat(100_000));
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent > 100) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers: json, body, duplex: 'half' };
    const answer = await request(small.url, init);
    expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it('is refused by its announced length, without being sent', async () => {
    const head = `POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nContent-Type: application/json\r\n`;
    const impatient = await startSmallServer({ timings: { lingerMs: 50 } });
    const answer = await exchangeBytes(impatient.port, `${head}Content-Length: 10000000\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*connection: close.*PAYLOAD_TOO_LARGE/is);
    const waiting = await exchangeBytes(
      impatient.port,
      `${head}Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(waiting).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('of a stranger is not read, however long', async () => {
    const answer = await post(small.url, 'x'.repeat(5_000_000), { authorization: '' });
    expect(answer.status).toBe(401);
  });
});

describe('A body', () => {
  it.each([
    ['truncated JSON', '{"query": "{ hel', 400],
    ['nothing', '', 400],
    ['a number', '42', 400],
    ['null', 'null', 400],
    ['an empty object', '{}', 400],
    ['a query that is no text', '{"query": {"kind": "Document"}}', 400],
    ['variables that are a list', '{"query": "{ hello }", "variables": [1]}', 400],
    ['an array nested 100,000 times', `{"query": "{ hello }", "variables": {"a": ${'['.repeat(100_000)}`, 400],
  ])('that is %s is BAD_USER_INPUT in a GraphQL body', async (_what, body, status) => {
    const answer = await post(small.url, body);
    expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([status, 'BAD_USER_INPUT']);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('that is not UTF-8 is BAD_USER_INPUT', async () => {
    const body = Buffer.concat([
      Buffer.from('{"query": "{ hello }", "a": "'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]);
    const answer = await request(small.url, { method: 'POST', headers: json, body });
    expect([answer.status, answer.json?.errors?.[0]?.message]).toEqual([400, 'The body is not UTF-8.']);
  });

  it.each([
    ['content-type', 'text/plain'],
    ['content-type', 'multipart/form-data'],
    ['content-type', 'application/x-www-form-urlencoded'],
    ['content-type', 'application/json; charset=utf-16'],
    ['content-encoding', 'gzip'],
  ])('with %s: %s is 415 as JSON', async (name, value) => {
    const answer = await post(small.url, '{"query": "{ hello }"}', { [name]: value });
    expect([answer.status, answer.json?.errors?.[0]?.extensions.code]).toEqual([415, 'BAD_USER_INPUT']);
  });

  it('that stops arriving is given up', async () => {
    const impatient = await startSmallServer({ timings: { headersMs: 200, requestMs: 200 } });
    const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nContent-Type: application/json\r\n';
    const answer = await exchangeBytes(impatient.port, `${head}Content-Length: 100\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('whose sender goes away is no fault to log', async () => {
    const before = small.logged.length;
    const socket = connect(small.port, '127.0.0.1');
    const head = 'POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ada\r\nContent-Type: application/json\r\n';
    await new Promise<void>((resolve) => socket.write(`${head}Content-Length: 100\r\n\r\n{`, () => resolve()));
    socket.destroy();
    expect((await post(small.url, { query: '{ hello }' })).status).toBe(200);
    expect(small.logged.length).toBe(before);
  });
});

describe('The size of a document', () => {
  it('is 8 KiB at most, by POST and by GET', async () => {
    const padded = (bytes: number) => `{ hello } #${'x'.repeat(bytes - 11)}`;
    expect(await codeOf(padded(8192))).toEqual([200, undefined]);
    expect(await codeOf(padded(8193))).toEqual([400, 'TOO_COMPLEX']);
    const byGet = await request(`${small.url}?query=${encodeURIComponent(padded(8193))}`, {
      headers: { ...json, 'apollo-require-preflight': 'yes' },
    });
    expect([byGet.status, byGet.json?.errors?.[0]?.extensions.code]).toEqual([400, 'TOO_COMPLEX']);
  });

  it('is 1,500 tokens at most', async () => {
    const tokens = (count: number) => `{ nodes(ids: [${'1 '.repeat(count - 12)}]) { id } }`;
    expect((await post(small.url, { query: tokens(1500) })).status).toBe(200);
    const flood = await post(small.url, { query: tokens(1501) });
    expect([flood.status, flood.json?.errors?.[0]]).toEqual([
      400,
      {
        message: 'The document has more than 1500 tokens; split it into several requests.',
        locations: expect.anything(),
        extensions: { code: 'TOO_COMPLEX' },
      },
    ]);
  });

  it('is 12 levels at most, and introspection has its own', async () => {
    const deep = (levels: number) => `${'{ friend '.repeat(levels - 1)}{ id }${' }'.repeat(levels - 1)}`;
    expect(await codeOf(deep(12))).toEqual([200, undefined]);
    expect(await codeOf(deep(13))).toEqual([400, 'TOO_COMPLEX']);
    expect(await codeOf(getIntrospectionQuery())).toEqual([200, undefined]);
  });

  it('is 15 aliases at most, those of __typename included', async () => {
    const aliases = (count: number) => `{ ${Array.from({ length: count }, (_, i) => `a${i}: __typename`).join(' ')} }`;
    expect(await codeOf(aliases(15))).toEqual([200, undefined]);
    expect(await codeOf(aliases(16))).toEqual([400, 'TOO_COMPLEX']);
  });
});

describe('A document that is too large', () => {
  it('is told the number, the limit and what to do', async () => {
    const answer = await post(small.url, {
      query: 'query ($n: Int) { people(first: $n) { nodes { friends(last: 100) { nodes { id } } } } }',
      variables: { n: 60 },
    });
    expect([answer.status, answer.json?.errors?.[0]]).toEqual([
      400,
      {
        message: 'The operation is 6060 nodes large; 5000 is the limit: ask for smaller pages with first or last.',
        extensions: { code: 'TOO_COMPLEX' },
      },
    ]);
  });

  it('is not made small by fragments of fragments, and they do not hold up the server', async () => {
    const bomb = (levels: number, field: string) =>
      `{ friend { ...F0 } } ${Array.from({ length: levels }, (_, i) => {
        const inner = i === levels - 1 ? field : `...F${i + 1} friend { ...F${i + 1} ...F${i + 1} }`;
        return `fragment F${i} on Person { ${inner} }`;
      }).join(' ')}`;
    const startedMs = performance.now();
    expect(await codeOf(bomb(60, 'name'))).toEqual([400, 'TOO_COMPLEX']);
    expect(await codeOf(bomb(9, 'a: name'))).toEqual([400, 'TOO_COMPLEX']);
    expect(performance.now() - startedMs).toBeLessThan(atMost(5000));
    const cycle =
      '{ friend { ...A } } fragment A on Person { friend { ...B } } fragment B on Person { friend { ...A } }';
    expect(await codeOf(cycle)).toEqual([400, 'BAD_USER_INPUT']);
  });

  it.each([
    ['one field repeated', `{ ${'hello '.repeat(1300)} }`],
    ['one object repeated', `{ ${'friend { id } '.repeat(370)} }`],
    [
      'fragments that all overlap',
      `{ friend { ${Array.from({ length: 120 }, (_, i) => `...F${i}`).join(' ')} } } ${Array.from({ length: 120 }, (_, i) => `fragment F${i} on Person { id }`).join(' ')}`,
    ],
    ['inline fragments', `{ friend { ${'... { friend { id } } '.repeat(180)} } }`],
  ])('bounds the time that validation takes: %s', async (_what, query) => {
    const startedMs = performance.now();
    await post(small.url, { query });
    expect(performance.now() - startedMs).toBeLessThan(atMost(5000));
  });
});
