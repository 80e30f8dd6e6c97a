import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { answered, chunk, cut, stalled, withStatus } from '../../support/model-server.js';
import { freePort } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { ChatFixture, conversationOf } from './chat-fixture.js';
import { ParleyProcess } from './parley-process.js';
import { greeted, ServerByHand, sent } from './server-by-hand.js';

let fixture: ChatFixture;

beforeAll(async () => {
  fixture = await ChatFixture.open();
});
afterEach(() => fixture?.tidy());
afterAll(() => fixture?.close());

describe('parley chat "question"', () => {
  it('shows the answer while it grows, and nothing but the answer on standard output', async () => {
    const { question, byHand } = fixture.newQuestion();
    const command = fixture.chat([...question.split(' ')]);
    await byHand.reasoning('I think.');
    await byHand.text('The beginning ');
    await command.heard(/^The beginning $/);
    await byHand.text('and 日本語 👩‍🚀.');
    await byHand.finish();
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('The beginning and 日本語 👩‍🚀.\n');
    expect(await fixture.stored(command)).toEqual([
      { role: 'USER', status: 'COMPLETE', content: question },
      { role: 'ASSISTANT', status: 'COMPLETE', content: 'The beginning and 日本語 👩‍🚀.' },
    ]);
  });

  it('goes on with the conversation whose id it told', async () => {
    fixture.model.answer('First', answered('one'));
    fixture.model.answer('Second', answered('two'));
    const first = fixture.chat(['First']);
    await first.ended();
    const conversation = conversationOf(first);
    expect(first.stderr).toContain(`npm run cli -- chat --conversation ${conversation}`);
    const second = fixture.chat(['--conversation', conversation, 'Second']);
    expect(await second.ended()).toBe(0);
    expect(conversationOf(second)).toBe(conversation);
    expect((await fixture.stored(second)).map(({ content }) => content)).toEqual(['First', 'one', 'Second', 'two']);
  });

  it('reads the question from what is piped in, line breaks and all', async () => {
    const question = `Several\nlines ${randomUUID()}`;
    fixture.model.answer(question, answered('read'));
    const command = fixture.chat([], { input: `${question}\n` });
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('read\n');
  });

  it('asks the model that is named', async () => {
    const command = fixture.chat(['--model', 'nobody-has-it', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('scripted');
    expect(command.stdout).toBe('');
  });
});

describe('An answer that does not end well', () => {
  it.each([
    ['FAILED', withStatus(400), '', /\nFailed: .+/],
    ['INTERRUPTED', cut(chunk({ content: 'half of' })), 'half of\n', /\nInterrupted, what was written is kept: .+/],
  ])('is shown as %s, with exit code 1', async (status, reply, text, said) => {
    const question = randomUUID();
    fixture.model.answer(question, reply);
    const command = fixture.chat([question]);
    expect(await command.ended()).toBe(1);
    expect(command.stdout).toBe(text);
    expect(command.stderr).toMatch(said);
    expect((await fixture.stored(command)).at(-1)).toMatchObject({ status });
  });

  it('because the model reached its limit says so', async () => {
    const { question, byHand } = fixture.newQuestion();
    const command = fixture.chat([question]);
    await byHand.text('too long');
    await byHand.finish('length');
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toContain('The model ended it with "length".');
  });
});

describe('Ctrl-C', () => {
  it('cancels the answer, says so, and keeps what was written', async () => {
    const { question } = fixture.newQuestion();
    fixture.model.answer(question, stalled(chunk({ content: 'as far as it came' })));
    const command = fixture.chat([question]);
    await command.heard(/as far as it came/);
    command.signal('SIGINT');
    expect(await command.ended()).toBe(130);
    expect(command.stdout).toBe('as far as it came\n');
    expect(command.stderr).toContain('Stopping the answer; Ctrl-C again quits at once.');
    expect(command.stderr).toContain('Cancelled: what was written is kept.');
    expect(await (await fixture.model.call(question)).closed).toBe(false);
    expect((await fixture.stored(command)).at(-1)).toMatchObject({ status: 'CANCELLED' });
  });

  it('before the server took the question cancels the answer once there is one; npm, which hands it on, does no harm', async () => {
    const { question } = fixture.newQuestion();
    const gate = Promise.withResolvers<void>();
    const slow = await ServerByHand.start(async (query, body) => {
      if (query.includes('mutation Send')) await gate.promise;
      return await fixture.forward(body);
    });
    fixture.closeAfterwards(slow);
    // For this one no time goes by: what npm does in a moment is a moment later however busy the machine is.
    const preload = 'data:text/javascript,performance.now = () => 1000';
    const command = ParleyProcess.cli(['chat', '--url', slow.url, question], { ...fixture.options, preload });
    await until('the question is sent', () => slow.queries.some((query) => query.includes('mutation Send')));
    command.signal('SIGINT');
    await command.heard(/Stopping the answer/);
    command.signal('SIGINT');
    gate.resolve();
    await until('the answer is cancelled', () => slow.queries.some((query) => query.includes('cancelAnswer')));
  });

  it('for the second time quits at once, whatever the server does', async () => {
    const silent = await ServerByHand.start((query) => {
      if (query.includes('cancelAnswer')) return null;
      return query.includes('mutation Send') ? sent : greeted;
    });
    fixture.closeAfterwards(silent);
    const command = fixture.chat(['Hello'], { url: silent.url });
    await until('it follows the answer', () => silent.subscriptions > 0);
    command.signal('SIGINT');
    await command.heard(/Ctrl-C again quits at once/);
    await until('it has ended', () => {
      command.signal('SIGINT');
      return command.hasEnded;
    });
    expect(await command.ended()).toBe(130);
  });
});

describe('A server that', () => {
  it('is not there: one sentence that says to start it with npm start', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const command = fixture.chat(['Hello'], { url });
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toBe(
      `No server answers at ${url} (ECONNREFUSED): start one with "npm start", or name another with --url.\n`,
    );
  });

  it('does not accept the token: its sentence, and what to do', async () => {
    const command = fixture.chat(['--token', 'no.such.token', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/^The server does not accept the token: .+ Name another with --token\.\n$/);
  });

  it('accepts a token that is given: whoever it is of has the conversation', async () => {
    const { app, model } = fixture;
    model.answer('From ada', answered('to ada'));
    const command = fixture.chat(['--token', app.token('ada'), 'From ada']);
    expect(await command.ended()).toBe(0);
    const read = 'query ($id: ID!) { conversation(id: $id) { id } }';
    const id = conversationOf(command);
    expect(await app.person('ada').data(read, { id })).toEqual({ conversation: { id } });
    expect(await app.person('developer').data(read, { id })).toEqual({ conversation: null });
  });

  it('is no Parley: one sentence', async () => {
    const other = createServer((_request, response) => response.end('<h1>Hello</h1>'));
    other.listen(0, '127.0.0.1');
    fixture.closeAfterwards({ close: () => new Promise((resolve) => other.close(resolve)) });
    const address = await until('it listens', () => other.address());
    const url = `http://127.0.0.1:${typeof address === 'object' ? address.port : ''}`;
    const command = fixture.chat(['Hello'], { url });
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toBe(`What answers at ${url}/graphql is not Parley (HTTP 200); see --url.\n`);
  });

  it('has no such conversation: one sentence', async () => {
    const command = fixture.chat(['--conversation', 'cnv_0199a9c2b7f07c0e8f5d3a1b2c4d5e6f', 'Hello']);
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toMatch(/^There is no such conversation; .+\.\n$/);
  });
});
