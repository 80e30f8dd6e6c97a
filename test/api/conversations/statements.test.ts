import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { isOver } from '../../support/ask.js';
import { edit, erase, regenerate, select } from '../../support/branches.js';
import { append, create, send } from '../../support/conversations.js';
import { ManualClock } from '../../support/manual-clock.js';
import { chunk, ModelServer, stalled } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { until } from '../../support/until.js';

let model: ModelServer;
let app: TestApp;
let sql: SqlClient;
/** It moves only where an answer shall be made durable: nothing but what is asked for sends statements. */
const clock = new ManualClock(Date.now() + 30 * 60_000);

beforeAll(async () => {
  model = await ModelServer.start();
  const limits = { betweenTokensMs: 3_600_000, firstTokenMs: 3_600_000, answerMs: 7_200_000, poolWaitMs: 20_000 };
  const env = { ...model.env, LIMITS: JSON.stringify(limits) };
  app = await startApp({ clock, env });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  await model?.stop();
  await app?.close();
});

const soFar = 'So far. ';

/** Somebody with that many conversations: of two branches, and each with an answer that is being written. */
async function personWith(count: number): Promise<Person> {
  const person = app.person();
  model.replyWith(stalled(chunk({ content: soFar })));
  await Promise.all(Array.from({ length: count }, (_, number) => converse(person, number)));
  const { id } = (await person.data<{ viewer: { id: string } }>('{ viewer { id } }')).viewer;
  await until('every answer is durable so far', async () => {
    await clock.advance(500);
    const runs = 'SELECT FROM answer_runs WHERE owner_id = $1 AND durable_content = $2';
    return (await sql.rows(runs, [uuidOf(id), soFar.length])).length === count;
  });
  return person;
}

async function converse(person: Person, number: number): Promise<void> {
  const conversationId = await create(person);
  const said = (text: string) => ({ role: 'USER', content: `${text} of ${number}` });
  const { messages } = await append(person, { conversationId, messages: ['one', 'two', 'three'].map(said) });
  const second = { conversationId, parentId: messages[number % 2]?.id, messages: ['four', 'five'].map(said) };
  await append(person, second);
  await send(person, { conversationId, content: `six of ${number}` });
}

const message = 'id role status content visible createdAt rating metadata error { code }';
const everything = `query ($first: Int!) {
  viewer { id }
  models { id }
  conversations(first: $first) {
    totalCount
    pageInfo { hasNextPage }
    nodes {
      id title preview messageCount
      lastMessage { ${message} parent { ${message} } conversation { id } }
      activeAnswer { ${message} streamCursor parent { id content conversation { id title } } }
      messages(last: 4) { totalCount pageInfo { hasPreviousPage } edges { cursor node {
        ${message} parent { id content parent { id content parent { id content } } } conversation { id lastMessage { id } }
      } } }
      oldest: messages(first: 2) { nodes { id content conversation { id activeAnswer { content } } } }
    }
  }
}`;

interface Read {
  readonly id: string;
  readonly content: string;
  readonly parent?: Read | null;
}

interface ReadConversation {
  readonly id: string;
  readonly title: string;
  readonly preview: string;
  readonly messageCount: number;
  readonly lastMessage: Read;
  readonly activeAnswer: Read & { readonly status: string };
  readonly messages: { readonly totalCount: number; readonly edges: readonly { readonly node: Read }[] };
  readonly oldest: { readonly nodes: readonly Read[] };
}

interface Everything {
  readonly conversations: { readonly totalCount: number; readonly nodes: readonly ReadConversation[] };
}

async function read(person: Person, first: number) {
  app.statements.length = 0;
  const { conversations } = await person.data<Everything>(everything, { first });
  // The sweeper may still be at what it began when the clock was moved.
  const statements = app.statements.filter((name) => !name.startsWith('runs.')).toSorted();
  return { ...conversations, statements };
}

/** The branch that ends at the newest message of each conversation, by parents alone. */
const branches = `
  WITH RECURSIVE branch AS (
    SELECT conversation_id, id, parent_id, position FROM (
      SELECT DISTINCT ON (conversation_id) * FROM messages
      WHERE owner_id = $1 ORDER BY conversation_id, position DESC
    ) AS newest
    UNION ALL
    SELECT above.conversation_id, above.id, above.parent_id, above.position
    FROM branch JOIN messages AS above ON above.id = branch.parent_id
  )
  SELECT conversation.id, array_agg(branch.id ORDER BY branch.position) AS branch,
    (SELECT message_id FROM answer_runs WHERE answer_runs.conversation_id = conversation.id) AS running
  FROM conversations AS conversation JOIN branch ON branch.conversation_id = conversation.id
  GROUP BY conversation.id, conversation.updated_at
  ORDER BY conversation.updated_at DESC, conversation.id DESC`;

interface Branch {
  readonly id: string;
  readonly branch: readonly string[];
  readonly running: string;
}

/** What plain SQL says, beside what was said. */
async function expectAsStored(person: Person, found: readonly ReadConversation[]): Promise<void> {
  const { id: viewerId } = (await person.data<{ viewer: { id: string } }>('{ viewer { id } }')).viewer;
  const stored = await sql.rows<Branch>(branches, [uuidOf(viewerId)]);
  expect(found.map(({ id }) => uuidOf(id))).toEqual(stored.map(({ id }) => id));
  for (const [index, conversation] of found.entries()) {
    const { branch = [], running } = stored[index] ?? {};
    const { messages, oldest, lastMessage, activeAnswer } = conversation;
    expect(messages.edges.map(({ node }) => uuidOf(node.id))).toEqual(branch.slice(-4));
    expect(oldest.nodes.map(({ id }) => uuidOf(id))).toEqual(branch.slice(0, 2));
    expect([messages.totalCount, conversation.messageCount]).toEqual([branch.length, branch.length]);
    expect([uuidOf(lastMessage.id), uuidOf(activeAnswer.id)]).toEqual([branch.at(-1), running]);
    for (const { node } of messages.edges) expectParents(node, branch);
    expectTexts(conversation);
  }
}

function expectParents(node: Read, branch: readonly string[]): void {
  let at = branch.indexOf(uuidOf(node.id));
  for (let one: Read | null | undefined = node; one?.parent !== undefined; one = one.parent) {
    at -= 1;
    expect(one.parent && uuidOf(one.parent.id)).toBe(branch[at] ?? null);
  }
}

function expectTexts({ title, preview, messages, oldest, lastMessage, activeAnswer }: ReadConversation): void {
  const number = title.replace('one of ', '');
  const branch = (Number(number) % 2 === 0 ? ['one'] : ['one', 'two']).concat('four', 'five', 'six');
  const texts = [...branch.map((text) => `${text} of ${number}`), soFar];
  expect(messages.edges.map(({ node }) => node.content)).toEqual(texts.slice(-4));
  expect(oldest.nodes.map(({ content }) => content)).toEqual(texts.slice(0, 2));
  expect([preview, lastMessage.content, activeAnswer.content]).toEqual([soFar.trim(), soFar, soFar]);
  expect([lastMessage.parent?.content, activeAnswer.status]).toEqual([`six of ${number}`, 'STREAMING']);
}

describe('A query that asks for all that nests', () => {
  it('takes the same statements over 2 and over 50 conversations with messages and a running answer each, eight at most, and says what plain SQL says', async () => {
    const [two, fifty] = [await personWith(2), await personWith(50)];
    const ofTwo = await read(two, 50);
    const ofFifty = await read(fifty, 50);
    expect([ofTwo.totalCount, ofFifty.totalCount]).toEqual([2, 50]);
    expect(ofFifty.statements).toEqual(ofTwo.statements);
    expect(ofFifty.statements.length).toBeLessThanOrEqual(8);
    await expectAsStored(two, ofTwo.nodes);
    await expectAsStored(fifty, ofFifty.nodes);
  });
});

/**
 * The statements of a transaction, BEGIN and COMMIT included, where there is no other beside it. The prompt of an answer
 * that was just stopped may still be under way.
 */
const transaction = () =>
  app.statements
    .slice(app.statements.indexOf('BEGIN'), app.statements.indexOf('COMMIT') + 1)
    .filter((name) => name !== 'messages.ancestors');

const transactionOfSend = (person: Person, input: object) =>
  transactionOfAnswer(person, () => send(person, { content: 'And?', ...input }));

/** The statements of the transaction that begins an answer, which is over afterwards. */
async function transactionOfAnswer(
  person: Person,
  begin: () => Promise<{ readonly answer: { readonly id: string } }>,
): Promise<readonly string[]> {
  const asked = model.calls.length;
  app.statements.length = 0;
  const { answer } = await begin();
  const statements = transaction();
  // What the answer reads for its prompt is read by then, and not beside the next transaction.
  await model.call(asked + 1);
  await person.data('mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }', { id: answer.id });
  await isOver(person, answer.id);
  return statements;
}

describe('The transaction of a send, an edit or a regeneration', () => {
  it('takes five round trips or fewer, whatever the history', async () => {
    model.replyWith(stalled());
    const person = app.person();
    const conversationId = await create(person);
    const messages = Array.from({ length: 100 }, (_, index) => ({ role: 'USER', content: `${index}` }));
    const atFirst = await transactionOfSend(person, { conversationId });
    for (let batch = 0; batch < 20; batch += 1) await append(person, { conversationId, messages });
    app.statements.length = 0;
    const appended = await append(person, { conversationId, messages });
    const ofAppend = transaction();
    const later = await transactionOfSend(person, { conversationId });
    const elsewhere = await transactionOfSend(person, { conversationId, parentId: appended.messages[50]?.id });
    const anew = await transactionOfSend(person, {});
    const messageId = appended.messages[50]?.id;
    const edited = await transactionOfAnswer(person, () => edit(person, { messageId, content: 'Else?' }));
    const regenerated = await transactionOfAnswer(person, () => regenerate(person, { messageId }));
    expect(later).toEqual(atFirst);
    for (const statements of [atFirst, elsewhere, anew, ofAppend, edited, regenerated]) {
      expect(statements.length).toBeGreaterThan(2);
      expect(statements.length).toBeLessThanOrEqual(5);
    }
  });
});

describe('A selection and an erasure', () => {
  it('take the same statements, whatever the history', async () => {
    const person = app.person();
    const conversationId = await create(person);
    const messages = Array.from({ length: 100 }, (_, index) => ({ role: 'USER', content: `${index}` }));
    const change = async () => {
      const { messages: line } = await append(person, { conversationId, messages });
      await append(person, { conversationId, parentId: line[50]?.id, messages });
      app.statements.length = 0;
      await select(person, line[99]?.id ?? '');
      const selected = [...app.statements];
      app.statements.length = 0;
      await erase(person, line[99]?.id ?? '');
      return { selected, erased: [...app.statements] };
    };
    const first = await change();
    for (let more = 0; more < 10; more += 1) await append(person, { conversationId, messages });
    expect(await change()).toEqual(first);
    expect(first.selected.length).toBeLessThanOrEqual(8);
    expect(first.erased.length).toBeLessThanOrEqual(8);
  });
});
