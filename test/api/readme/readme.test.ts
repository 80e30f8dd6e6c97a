import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { startApp, type TestApp } from '../../support/app.js';
import { ModelServer } from '../../support/model-server.js';
import { Person } from '../../support/person.js';
import { readmeBlocks } from '../../support/readme-blocks.js';
import { pieceOf, speaking } from '../../support/slow-model.js';
import { until } from '../../support/until.js';

const run = promisify(execFile);
const pieces = 12;
const answer = Array.from({ length: pieces }, (_, n) => pieceOf(n + 1)).join('');

let model: ModelServer;
let app: TestApp;
let ada: Person;
/** Below node_modules, so that what is written there finds the libraries. */
let folder: string;

beforeAll(async () => {
  model = await ModelServer.start();
  model.replyWith(speaking({ everyMs: 30, pieces }));
  app = await startApp({ env: model.env });
  ada = app.person('ada');
  folder = await mkdtemp(join(import.meta.dirname, '../../../node_modules/.readme-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const block of await readmeBlocks('js')) {
    const [, name] = /^\/\/ (\S+\.js)\n/.exec(block) ?? [];
    if (name) await writeFile(join(folder, name), block.replace('http://127.0.0.1:4000', app.url));
  }
  for (const name of ['operations.mjs', 'use-apollo.mjs', 'use-urql.mjs']) {
    await copyFile(join(import.meta.dirname, name), join(folder, name));
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await app?.close();
  await model?.stop();
});

/** Runs a file beside those of README.md; what it wrote. */
async function node(file: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { PATH: process.env.PATH, URL: `${app.url}/graphql`, TOKEN: ada.token, ...more };
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder, env, timeout: 60_000 });
  // Libraries say there what they make of a configuration.
  expect(stderr).toBe('');
  return stdout;
}

/** Two conversations, the newer of which has four messages. */
async function converse(): Promise<string> {
  const begin = 'mutation { createConversation(input: {}) { conversation { id } } }';
  await ada.data(begin);
  const { createConversation } = await ada.data<{ createConversation: { conversation: { id: string } } }>(begin);
  const { id } = createConversation.conversation;
  const messages = ['one', 'two', 'three', 'four'].map((content) => ({ role: 'USER', content }));
  await ada.data('mutation ($input: AppendMessagesInput!) { appendMessages(input: $input) { messages { id } } }', {
    input: { conversationId: id, messages },
  });
  return id;
}

describe("The README's own client", () => {
  it('asks, and shows the answer grow to its end', async () => {
    const [title, ...told] = (await node('ask.js')).trim().split('\n');
    expect(title).toBe('What can you do?');
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toBe(`COMPLETE ${answer.length}`);
  });

  it.each(['Apollo Client', 'urql'])('gives %s pages that merge, and messages that grow in its cache', async (name) => {
    const CONVERSATION = await converse();
    const { page, list, grew } = JSON.parse(
      await node(name === 'urql' ? 'use-urql.mjs' : 'use-apollo.mjs', { CONVERSATION }),
    );
    expect(page).toEqual(['one', 'two', 'three', 'four']);
    expect(list).toBe(2);
    expect(grew.length).toBeGreaterThan(2);
    expect(grew.filter((text: unknown) => !answer.startsWith(String(text)))).toEqual([]);
    expect(grew.at(-1)).toBe(answer);
  });
});

describe("The README's operations", () => {
  it('all succeed, in the order in which they stand there', async () => {
    const { sendMessage } = await ada.data<{ sendMessage: { conversation: Id; message: Id; answer: Id } }>(
      `mutation { sendMessage(input: { content: "Which cheese?" }) {
        conversation { id } message { id } answer { id } } }`,
    );
    const [id, message, answered] = [sendMessage.conversation.id, sendMessage.message.id, sendMessage.answer.id];
    const variables = { id, message, answer: answered, content: 'What cheese?', query: 'cheese', after: null };
    const admin = new Person(app.url, app.token('ada', { roles: ['admin'] }));
    await until('the answer is whole', async () => {
      const { data } = await admin.graphql('query ($answer: ID!) { message(id: $answer) { status } }', variables);
      return JSON.stringify(data).includes('COMPLETE');
    });
    const operations = (await readmeBlocks('graphql')).flatMap((text) => parse(text).definitions).map(print);
    expect(operations.length).toBeGreaterThan(8);
    for (const operation of operations) {
      const answered = operation.startsWith('subscription')
        ? await firstEvent(admin.follow(operation, variables))
        : await admin.graphql(operation, variables);
      expect([operation, answered?.errors]).toEqual([operation, undefined]);
      expect(answered).toHaveProperty('data');
    }
  });
});

describe("The README's login", () => {
  it('signs a token that is accepted', async () => {
    const block = (await readmeBlocks('js')).find((text) => text.includes('new SignJWT'));
    const secret = app.env.JWT_SECRETS?.split(':')[1];
    const user = { id: 'grace', email: 'grace@example.com', department: 'research', roles: ['auditor'] };
    const around = `const secret = ${JSON.stringify(secret)}; const user = ${JSON.stringify(user)};`;
    await writeFile(join(folder, 'login.js'), `${around}\n${block?.replace('2026', 'test')}\nconsole.log(token);`);
    const token = (await node('login.js')).trim();
    const grace = new Person(app.url, token);
    expect(await grace.data('{ viewer { email department roles } }')).toEqual({
      viewer: { email: user.email, department: user.department, roles: user.roles },
    });
  });
});

async function firstEvent<Event>(events: AsyncGenerator<Event>): Promise<Event | null> {
  for await (const event of events) return event;
  return null;
}

interface Id {
  readonly id: string;
}
