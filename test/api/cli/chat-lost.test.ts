import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { answered } from '../../support/model-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { until } from '../../support/until.js';
import { ChatFixture } from './chat-fixture.js';
import { deltaAt, finishedAs, ServerByHand, unavailable } from './server-by-hand.js';

let fixture: ChatFixture;

beforeAll(async () => {
  fixture = await ChatFixture.open();
});
afterEach(() => fixture?.tidy());
afterAll(() => fixture?.close());

describe('A connection of parley chat that is lost', () => {
  it('again and again, in requests and in the answer, costs nothing: the text is equal, the question asked once', async () => {
    const { question, byHand } = fixture.newQuestion();
    let cuts = 0;
    const nextCut = () => ({ afterBytes: 2000, how: cuts % 2 === 0 ? 'end' : 'reset' }) as const;
    const onCut = () => {
      cuts += 1;
    };
    const { url } = fixture.closeAfterwards(await TcpProxy.start(fixture.app.url, nextCut, onCut));
    const command = fixture.chat([question], { url });
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
    expect(await fixture.stored(command)).toHaveLength(2);
    expect(fixture.model.timesAsked(question)).toBe(1);
  });

  it('for good is given up after a while, in a sentence, and the conversation is told', async () => {
    const { question, byHand } = fixture.newQuestion();
    const proxy = await TcpProxy.start(fixture.app.url);
    const command = fixture.chat(['--retry', '1', question], { url: proxy.url });
    await byHand.text('The beginning');
    await command.heard(/The beginning/);
    await proxy.close();
    expect(await command.ended()).toBe(1);
    expect(command.stderr).toContain('The server is away; it is tried again for 1 s.');
    expect(command.stderr).toMatch(/\nThe server has not answered for 1 s \(.+\)\.\n/);
    await byHand.finish();
    expect((await fixture.stored(command)).at(-1)).toMatchObject({ content: 'The beginning' });
  });

  it('to a server that cannot answer now is tried again, a question with the same idempotency key', async () => {
    const question = randomUUID();
    fixture.model.answer(question, answered('at last'));
    const keys: unknown[] = [];
    const busy = await ServerByHand.start(async (query, body) => {
      if (!query.includes('mutation Send')) return await fixture.forward(body);
      keys.push(JSON.parse(body).variables.input.idempotencyKey);
      return keys.length < 3 ? unavailable : await fixture.forward(body);
    });
    fixture.chat([question], { url: fixture.closeAfterwards(busy).url });
    await until('the model has been asked', () => fixture.model.timesAsked(question) === 1);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\w-]{1,128}$/);
  });
});

describe('Deltas that parley chat gets', () => {
  it('are applied at their offsets, whether they come twice, overlap, or follow a cut, where the cursor goes on', async () => {
    const follows: unknown[] = [];
    const server = fixture.closeAfterwards(await ServerByHand.start());
    server.onSubscribe = (variables, say, close) => {
      follows.push(variables);
      if (follows.length === 1) {
        for (const delta of [deltaAt(0, 'Hello', 'a'), deltaAt(0, 'Hello', 'a'), deltaAt(3, 'lo wor', 'b')]) say(delta);
        close();
      } else {
        say(deltaAt(5, ' world', 'c'));
        say(finishedAs({ content: 'Hello world!' }));
      }
    };
    const command = fixture.chat(['Hello'], { url: server.url });
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('Hello world!\n');
    expect(follows).toEqual([
      { messageId: 'msg_1', after: null },
      { messageId: 'msg_1', after: 'b' },
    ]);
  });

  it('ahead of what was stored when the server was lost are told', async () => {
    const server = fixture.closeAfterwards(await ServerByHand.start());
    server.onSubscribe = (_variables, say) => {
      say(deltaAt(0, 'Hello world', 'a'));
      const error = { message: 'The server was lost.' };
      say(finishedAs({ content: 'Hello', status: 'INTERRUPTED', error }));
    };
    const command = fixture.chat(['Hello'], { url: server.url });
    expect(await command.ended()).toBe(1);
    expect(command.stdout).toBe('Hello world\n');
    expect(command.stderr).toContain('The end of it was not stored; what is kept has 5 characters.');
    expect(command.stderr).toContain('Interrupted, what was written is kept: The server was lost.');
  });

  it('beyond what is known make it read the answer from its beginning', async () => {
    const follows: unknown[] = [];
    const server = fixture.closeAfterwards(await ServerByHand.start());
    server.onSubscribe = (variables, say) => {
      follows.push(variables.after);
      if (follows.length === 1) {
        say(deltaAt(0, 'Hello', 'a'));
        say(deltaAt(9, 'ld', 'b'));
      } else {
        say(deltaAt(0, 'Hello world', 'c'));
        say(finishedAs({ content: 'Hello world' }));
      }
    };
    const command = fixture.chat(['Hello'], { url: server.url });
    expect(await command.ended()).toBe(0);
    expect(command.stdout).toBe('Hello world\n');
    expect(follows).toEqual([null, null]);
  });
});
