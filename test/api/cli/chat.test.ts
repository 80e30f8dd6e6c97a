import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { answered, chunk, cut, ModelByHand, stalled, withStatus } from '../../support/model-server.js';
import { freePort } from '../../support/redis-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

let folder: TemporaryFolder;
let model: ScriptedModel;
let app: TestApp;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  app = await startApp({ env: model.env });
});
afterEach(async () => {
  await killParleyProcesses();
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(async () => {
  await app?.close();
  await model?.stop();
  await folder?.remove();
});

/** With the secrets of `app`, so that it may speak for the developer. */
const options = () => ({
  env: { DATA_DIR: join(folder.path, 'none'), JWT_SECRETS: app.env.JWT_SECRETS },
  folder: folder.path,
});

const chat = (args: readonly string[], input = '', url = app.url) =>
  ParleyProcess.cli(['chat', '--url', url, ...args], options(), input);

/** A question that nobody has asked before, and what the model answers to it, piece by piece. */
function newQuestion() {
  const question = `Question ${randomUUID()}`;
  const byHand = new ModelByHand();
  model.answer(question, byHand.reply);
  return { question, byHand };
}

const conversationOf = (command: ParleyProcess) => /--conversation (cnv_[0-9a-f]+)/.exec(command.stderr)?.[1] ?? '';

async function stored(conversation: string) {
  interface Read {
    conversation: { messages: { nodes: { role: string; status: string; content: string }[] } };
  }
  const query = 'query ($id: ID!) { conversation(id: $id) { messages { nodes { role status content } } } }';
  return (await app.person('developer').data<Read>(query, { id: conversation })).conversation.messages.nodes;
}

describe('parley chat "question"', () => {
  it('shows the answer while it grows, and nothing but the answer on standard output', async () => {
    const { question, byHand } = newQuestion();
    const command = chat([...question.split(' ')]);
    await byHand.reasoning('I think.');
    await byHand.text('The beginning ');
    await command.heard(/^The beginning $/);
    await byHand.text('and 日本語 👩‍🚀.');
    await byHand.finish();
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('The beginning and 日本語 👩‍🚀.\n');
    expect(await stored(conversationOf(command))).toEqual([
      { role: 'USER', status: 'COMPLETE', content: question },
      { role: 'ASSISTANT', status: 'COMPLETE', content: 'The beginning and 日本語 👩‍🚀.' },
    ]);
  });

  it('goes on with the conversation whose id it told', async () => {
    model.answer('First', answered('one'));
    model.answer('Second', answered('two'));
    const first = chat(['First']);
    await first.ended();
    const conversation = conversationOf(first);
    expect(first.stderr).toContain(`npm run cli -- chat --conversation ${conversation}`);
    const second = chat(['--conversation', conversation, 'Second']);
    expect(await second.ended()).toBe(0);
    expect(conversationOf(second)).toBe(conversation);
    expect((await stored(conversation)).map(({ content }) => content)).toEqual(['First', 'one', 'Second', 'two']);
  });

  it('reads the question from what is piped in, line breaks and all', async () => {
    const question = `Several\nlines ${randomUUID()}`;
    model.answer(question, answered('read'));
    const command = chat([], `${question}\n`);
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('read\n');
  });

  it('asks the model that is named', async () => {
    const command = chat(['--model', 'nobody-has-it', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('scripted');
    expect(command.stdout).toBe('');
  });
});

describe('An answer that does not end well', () => {
  it.each([
    ['FAILED', withStatus(400), '', /\nFailed: .+/],
    ['INTERRUPTED', cut(chunk({ content: 'half of' })), 'half of\n', /\nInterrupted, what was written is kept: .+/],
    ['COMPLETE', answered('x'), 'x\n', /^\nConversation/],
  ])('is shown as %s', async (status, reply, text, said) => {
    const question = randomUUID();
    model.answer(question, reply);
    const command = chat([question]);
    expect(await command.ended()).toBe(status === 'COMPLETE' ? 0 : 1);
    expect(command.stdout.trim()).toBe(text.trim());
    expect(command.stderr).toMatch(said);
    expect((await stored(conversationOf(command))).at(-1)).toMatchObject({ status });
  });

  it('because the model reached its limit says so', async () => {
    const { question, byHand } = newQuestion();
    const command = chat([question]);
    await byHand.text('too long');
    await byHand.finish('length');
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toContain('The model ended it with "length".');
  });
});

describe('Ctrl-C', () => {
  it('cancels the answer, says so, and keeps what was written; npm, which hands it on, does no harm', async () => {
    const { question } = newQuestion();
    model.answer(question, stalled(chunk({ content: 'as far as it came' })));
    const command = chat([question]);
    await command.heard(/as far as it came/);
    command.signal('SIGINT');
    command.signal('SIGINT');
    expect(await command.ended()).toBe(130);
    expect(command.stdout).toBe('as far as it came\n');
    expect(command.stderr).toContain('Stopping the answer; Ctrl-C again quits at once.');
    expect(command.stderr).toContain('Cancelled: what was written is kept.');
    expect(await (await model.call(question)).closed).toBe(false);
    expect((await stored(conversationOf(command))).at(-1)).toMatchObject({ status: 'CANCELLED' });
  });

  it('before the server has taken the question cancels the answer as soon as there is one', async () => {
    const question = randomUUID();
    model.answer(question, stalled(chunk({ content: 'too late' })));
    let isOpen = () => {};
    const gate = new Promise<void>((resolve) => {
      isOpen = resolve;
    });
    const slow = await startServer(async (query, body) => {
      if (query.includes('mutation Send')) await gate;
      return await forwarded(body);
    });
    const command = chat([question], '', slow.url);
    await until('the question is sent', () => slow.queries.some((query) => query.includes('mutation Send')));
    command.signal('SIGINT');
    await command.heard(/Stopping the answer/);
    isOpen();
    await until('the answer is cancelled', () => slow.queries.some((query) => query.includes('cancelAnswer')));
  });

  it('for the second time quits at once, whatever the server does', async () => {
    const silent = await startServer((query) => (query.includes('mutation Send') ? sent : greeted), ['cancelAnswer']);
    const command = chat(['Hello'], '', silent.url);
    await until('it follows the answer', () => silent.sockets > 0);
    command.signal('SIGINT');
    await command.heard(/Ctrl-C again quits at once/);
    await until('it has ended', () => {
      command.signal('SIGINT');
      return command.hasEnded;
    });
    expect(await command.ended()).toBe(130);
  });
});

describe('A connection that is lost', () => {
  it('again and again, in requests and in the answer, costs nothing: the text is equal, the question asked once', async () => {
    const { question, byHand } = newQuestion();
    let cuts = 0;
    const proxy = await TcpProxy.start(
      app.url,
      () => ({ afterBytes: 2000, how: cuts % 2 === 0 ? 'end' : 'reset' }),
      () => {
        cuts += 1;
      },
    );
    closers.push(() => proxy.close());
    const command = chat([question], '', proxy.url);
    let text = '';
    while (cuts < 8) {
      const piece = `${text.length} 日本語 👩‍🚀 `;
      text += piece;
      await byHand.text(piece);
      await until('the piece is shown', () => command.stdout.endsWith(piece), 20_000);
    }
    await byHand.finish();
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe(`${text}\n`);
    expect(await stored(conversationOf(command))).toHaveLength(2);
    expect(model.timesAsked(question)).toBe(1);
  });

  it('for good is given up after a while, in a sentence, and the conversation is told', async () => {
    const { question, byHand } = newQuestion();
    const proxy = await TcpProxy.start(app.url);
    const command = chat(['--retry', '1', question], '', proxy.url);
    await byHand.text('The beginning');
    await command.heard(/The beginning/);
    await proxy.close();
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('The server is away; it is tried again for 1 s.');
    expect(command.stderr).toMatch(/\nThe server has not answered for 1 s \(.+\)\.\n/);
    await byHand.finish();
    expect((await stored(conversationOf(command))).at(-1)).toMatchObject({ content: 'The beginning' });
  });

  it('to a server that says that it cannot answer now is tried again with the same idempotency key', async () => {
    const question = randomUUID();
    model.answer(question, answered('at last'));
    const keys: unknown[] = [];
    const busy = await startServer(async (query, body) => {
      if (!query.includes('mutation Send')) return await forwarded(body);
      keys.push(JSON.parse(body).variables.input.idempotencyKey);
      return keys.length < 3 ? unavailable : await forwarded(body);
    });
    const command = chat([question], '', busy.url);
    await until('it has been sent', () => keys.length === 3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\w-]{1,128}$/);
    await until('the model has been asked', () => model.timesAsked(question) === 1);
    command.signal('SIGKILL');
  });
});

describe('A server that', () => {
  it('is not there: one sentence that says to start it with npm start', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const command = chat(['Hello'], '', url);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toBe(
      `No server answers at ${url} (ECONNREFUSED): start one with "npm start", or name another with --url.\n`,
    );
  });

  it('does not accept the token: its sentence, and what to do', async () => {
    const command = chat(['--token', 'no.such.token', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/^The server does not accept the token: .+ Name another with --token\.\n$/);
  });

  it('accepts a token that is given: whoever it is of has the conversation', async () => {
    model.answer('From ada', answered('to ada'));
    const command = chat(['--token', app.token('ada'), 'From ada']);
    expect(await command.ended()).toBe(0);
    const read = 'query ($id: ID!) { conversation(id: $id) { id } }';
    const id = conversationOf(command);
    expect(await app.person('ada').data(read, { id })).toEqual({ conversation: { id } });
    expect(await app.person('developer').data(read, { id })).toEqual({ conversation: null });
  });

  it('is no Parley: one sentence', async () => {
    const other = createServer((_request, response) => response.end('<h1>Hello</h1>'));
    other.listen(0, '127.0.0.1');
    closers.push(() => new Promise((resolve) => other.close(resolve)));
    const address = await until('it listens', () => other.address());
    const url = `http://127.0.0.1:${typeof address === 'object' ? address.port : ''}`;
    const command = chat(['Hello'], '', url);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toBe(`What answers at ${url}/graphql is not Parley (HTTP 200); see --url.\n`);
  });

  it('has no such conversation: one sentence', async () => {
    const command = chat(['--conversation', 'cnv_0199a9c2b7f07c0e8f5d3a1b2c4d5e6f', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/^There is no such conversation; .+\.\n$/);
  });
});

const greeted = JSON.stringify({ data: { viewer: { id: 'usr_1' } } });
const sent = JSON.stringify({
  data: { sendMessage: { conversation: { id: 'cnv_1' }, answer: { id: 'msg_1' } } },
});
const unavailable = JSON.stringify({
  errors: [{ message: 'Later.', extensions: { code: 'UNAVAILABLE', retryable: true } }],
});

/** What `app` answers to a request of the developer's. */
async function forwarded(body: string): Promise<string> {
  const { query, variables } = JSON.parse(body);
  return JSON.stringify(await app.person('developer').graphql(query, variables));
}

/** A server that answers as it is told, takes sockets and says nothing on them, and is silent where `unanswered` is asked. */
async function startServer(
  answer: (query: string, body: string) => string | Promise<string>,
  unanswered: readonly string[] = [],
) {
  const queries: string[] = [];
  const state = { queries, sockets: 0, url: '' };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const { query } = JSON.parse(body);
    queries.push(query);
    if (unanswered.some((name) => query.includes(name))) return;
    response.setHeader('content-type', 'application/json').end(await answer(query, body));
  });
  server.on('upgrade', (_request, socket) => {
    state.sockets += 1;
    socket.on('error', () => undefined);
    closers.push(async () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  const address = await until('it listens', () => server.address());
  state.url = `http://127.0.0.1:${typeof address === 'object' ? address.port : ''}`;
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return state;
}
