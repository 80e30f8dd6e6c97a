import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { declaredStatements } from '../../../src/platform/database.js';
import { startApp, type TestApp } from '../../support/app.js';
import { edit, erase, regenerate, select, siblingsOf } from '../../support/branches.js';
import { append, create, remove, send } from '../../support/conversations.js';
import { ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { genericPlan } from '../../support/plans.js';
import { search } from '../../support/searching.js';
import { pieceOf, speaking } from '../../support/slow-model.js';
import { SqlClient } from '../../support/sql-client.js';
import { until } from '../../support/until.js';

const owners = 50;
const conversationsEach = 200;
const messagesEach = 10;

/** Of each owner 2,000 messages in 200 conversations, with an answer that is written in each, and keys that were used. */
const plant = [
  `INSERT INTO conversations (owner_id, id, pinned, archived, revision, branch_revision, last_position,
     leaf_position, leaf_segment, message_count, created_at, updated_at)
   SELECT users.id, gen_random_uuid(), n % 10 = 0, n % 4 = 0, 50, 0, ${messagesEach},
     ${messagesEach}, 1, ${messagesEach}, now(), now() - n * interval '1 min'
   FROM users CROSS JOIN generate_series(1, ${conversationsEach}) AS n`,
  `INSERT INTO conversation_titles (owner_id, conversation_id, terms)
   SELECT owner_id, id, ARRAY[substring(uuid_send(id) FROM 9), substring(uuid_send(owner_id) FROM 9)] FROM conversations`,
  `INSERT INTO segments (owner_id, conversation_id, first_position, visible_to)
   SELECT owner_id, id, 1, 2147483647 FROM conversations`,
  `INSERT INTO messages (owner_id, id, conversation_id, segment, position, depth, revision, role, status,
     token_estimate, terms, created_at)
   SELECT owner_id, gen_random_uuid(), id, 1, n, n, n, 'USER',
     CASE WHEN n = ${messagesEach} THEN 'STREAMING' ELSE 'COMPLETE' END, 1,
     -- A word that an owner says always, one of every conversation, and one that is said once.
     ARRAY[hashtextextended(owner_id::text, 0), hashtextextended(id::text, 0), hashtextextended(id::text, n)], now()
   FROM conversations CROSS JOIN generate_series(1, ${messagesEach}) AS n`,
  `INSERT INTO answer_runs (owner_id, message_id, conversation_id, run_id, instance, lease_until, cancel_requested,
     chunks, durable_content, durable_reasoning)
   SELECT owner_id, id, conversation_id, gen_random_uuid(), 'another', now() + interval '1 h', false, 10, 100, 0
   FROM messages WHERE status = 'STREAMING'`,
  `INSERT INTO answer_chunks (owner_id, message_id, number, content_offset, reasoning_offset, sealed)
   SELECT owner_id, message_id, n, 10 * (n - 1), 0, decode(repeat('00', 60), 'hex')
   FROM answer_runs CROSS JOIN generate_series(1, 10) AS n`,
  `INSERT INTO requests (owner_id, key, fingerprint, made, created_at)
   SELECT users.id, decode(md5(n::text), 'hex'), decode(md5(n::text), 'hex'), '{}', now()
   FROM users CROSS JOIN generate_series(1, 200) AS n`,
  `INSERT INTO usage_days (owner_id, day, model, department, answers, prompt_tokens, completion_tokens, cost_micro_usd,
     unreported_answers, estimated_tokens, estimated_cost_micro_usd)
   SELECT id, date '2026-01-01' + n, 'scripted', '', 1, 1, 1, 1, 0, 0, 0 FROM users CROSS JOIN generate_series(1, 400) AS n`,
  `INSERT INTO users (id, issuer, subject, created_at)
   SELECT gen_random_uuid(), 'test', n::text, now() FROM generate_series(1, 10000) AS n`,
];

const tables = [
  'conversations',
  'conversation_titles',
  'segments',
  'messages',
  'answer_runs',
  'answer_chunks',
  'requests',
  'usage_days',
  'users',
];

let model: ModelServer;
let first: TestApp;
let sql: SqlClient;
const names = Array.from({ length: owners }, (_, number) => `person ${number}`);

beforeAll(async () => {
  model = await ModelServer.start();
  model.replyWith(speaking({ everyMs: 20 }));
  first = await startApp({ redis: true, env: model.env });
  for (const name of names) await first.person(name).data('{ viewer { id } }');
  await first.stop();
  sql = await SqlClient.connect(first.database.url);
  for (const statement of plant) await sql.rows(statement);
  await sql.rows(`VACUUM (ANALYZE) ${tables.join(', ')}`);
  // What this connection counted is told now, not while the server is watched.
  await sql.rows('SELECT pg_stat_force_next_flush()');
});

afterAll(async () => {
  await sql?.close();
  await first?.close();
  await model?.stop();
});

interface Scans {
  readonly relname: string;
  readonly seq_scan: number;
}

/** How often each table was read from end to end. */
async function scans(): Promise<readonly Scans[]> {
  const rows = await sql.rows<{ relname: string; seq_scan: string }>(
    'SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY ($1) ORDER BY relname',
    [tables],
  );
  return rows.map(({ relname, seq_scan: count }) => ({ relname, seq_scan: Number(count) }));
}

interface Listed {
  readonly conversations: { readonly nodes: readonly { readonly id: string }[] };
}

/** Reads lists and pages, from the beginning and the end. */
async function readAll(person: Person): Promise<void> {
  const { conversations } =
    await person.data<Listed>(`{ viewer { id usage(from: "2026-03-01T00:00:00Z") { answers } } conversations(first: 20) { totalCount nodes {
    id title usage { answers } activeAnswer { id } lastMessage { id parent { id } } messages(last: 5) { nodes { id } }
  } } }`);
  const [newest] = conversations.nodes;
  for (const query of ['new ', 'new', 'newest', 'ne', 'new messages ']) {
    for (const conversationId of [null, newest?.id])
      await search(person, { query, conversationId: conversationId ?? null });
  }
  const page = `query ($id: ID!, $last: Int, $first: Int) {
    conversation(id: $id) { messages(last: $last, first: $first) { nodes { id } } }
  }`;
  for (const size of [{ last: 5 }, { first: 5 }]) await person.data(page, { id: newest?.id, ...size });
  for (const filter of [{ pinned: true }, { archived: null }, { title: 'New' }]) {
    const list =
      'query ($filter: ConversationFilter) { conversations(last: 5, filter: $filter) { totalCount nodes { id } } }';
    await person.data(list, { filter });
  }
}

/** Writes whatever can be written. */
async function writeAll(person: Person, follower: Person): Promise<void> {
  const conversationId = await create(person, { idempotencyKey: 'a' });
  const said = ['1', '2', '3'].map((content) => ({ role: 'USER', content }));
  const { messages } = await append(person, { conversationId, messages: said });
  const [question] = messages;
  await append(person, { conversationId, parentId: question?.id, messages: said });
  const rate = 'mutation ($input: RateMessageInput!) { rateMessage(input: $input) { message { id } } }';
  await person.data(rate, { input: { messageId: question?.id, rating: 'UP' } });
  const update =
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }';
  await person.data(update, { input: { id: conversationId, title: 'New' } });
  const { answer } = await send(person, { conversationId, content: 'What?', idempotencyKey: 'b' });
  await followFor(follower, answer.id, 60);
  await person.data('mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id } } }', { id: answer.id });
  const again = await edit(person, { messageId: question?.id, content: 'Else?' });
  await regenerate(person, { messageId: again.answer.id, whenBusy: 'CANCEL' });
  await select(person, messages[2]?.id ?? '');
  expect((await siblingsOf(person, again.answer.id)).length).toBe(2);
  await erase(person, again.answer.id);
  await erase(person, messages[2]?.id ?? '');
  await remove(person, conversationId);
}

async function followFor(person: Person, answerId: string, pieces: number): Promise<void> {
  const subscription = 'subscription ($id: ID!) { answer(messageId: $id) { ... on AnswerDelta { text } } }';
  let text = '';
  for await (const { data } of person.follow<{ answer: { text?: string } }>(subscription, { id: answerId })) {
    text += data?.answer.text ?? '';
    if (text.includes(pieceOf(pieces))) return;
  }
}

/** Asked once, when a server starts: is there any row? */
const atStart = 'conversations.any';

const hot = [
  ...['conversations.newest', 'messages.newest', 'messages.byIds', 'messages.append', 'messages.appendElsewhere'],
  ...['search.older', 'search.candidates.older', 'search.candidates.older.anyWords'],
  ...['runs.checkpoint', 'answers.progress', 'answers.finish', 'runs.lost'],
  ...['branches.newestLeaf', 'branches.select', 'messages.siblings', 'messages.erase', 'titles.standing'],
];

describe('On 100,000 messages of 50 owners, with default settings,', () => {
  it('no operation of the server reads a table from end to end', async () => {
    const before = await scans();
    const instances = [await startApp({ beside: first }), await startApp({ beside: first })] as const;
    try {
      for (const name of names.slice(0, 3)) {
        const [one, other] = [instances[0].person(name), instances[1].person(name)];
        await readAll(one);
        await writeAll(one, other);
      }
      expect([...instances[0].statements, ...instances[1].statements]).toEqual(expect.arrayContaining(hot));
    } finally {
      for (const instance of instances) await instance.close();
    }
    // A connection that has ended has told what it counted.
    const open = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'parley %' AND datname = current_database()";
    await until('the ends of all connections', async () => (await sql.rows(open)).length === 0);
    expect(await scans()).toEqual(before);
  });

  it.each([...declaredStatements()].filter(([name]) => name !== atStart))(
    '%s finds its rows by an index, whatever it is given',
    async (_name, text) => {
      expect((await genericPlan(sql, text)).scanned).toEqual([]);
    },
  );
});
