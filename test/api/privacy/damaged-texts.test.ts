import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { append, create, type ReadMessage, send } from '../../support/conversations.js';
import type { GraphqlBody } from '../../support/http-client.js';
import { answered, ModelByHand, ModelServer } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';
import { until } from '../../support/until.js';

let app: TestApp;
/** Has nothing opened in its memory. */
let fresh: TestApp;
let sql: SqlClient;
let model: ModelServer;
let ada: Person;
let conversation: string;
let messages: readonly ReadMessage[];

beforeAll(async () => {
  model = await ModelServer.start();
  app = await startApp({ env: model.env });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  await app?.close();
  await model?.stop();
});

beforeEach(async () => {
  ada = app.person();
  conversation = await create(ada, { title: 'Five messages' });
  const said = ['one', 'two', 'three', 'four', 'five'];
  const wanted = said.map((content) => ({ role: 'USER', content, reasoning: 'why', metadata: { content } }));
  ({ messages } = await append(ada, { conversationId: conversation, messages: wanted }));
});

const uuids = (...indexes: number[]) => indexes.map((index) => uuidOf(messages[index]?.id ?? ''));

const pageQuery = `query ($id: ID!) { conversation(id: $id) { title messages {
  totalCount nodes { content reasoning metadata } edges { cursor node { id content } } } } }`;

interface Page {
  readonly nodes: readonly ({ readonly content: string } | null)[];
  readonly edges: readonly { readonly cursor: string; readonly node: object | null }[];
}

/** What a page says: the contents, null where a node is, and the codes and paths of its errors. */
async function readPage(person: Person) {
  const { data, errors = [] } = await person.graphql(pageQuery, { id: conversation });
  if (!data) throw new Error('The page did not stand.');
  const { messages: page } = data.conversation as { messages: Page };
  return {
    contents: page.nodes.map((node) => node?.content ?? null),
    edges: page.edges,
    errors: errors.map(({ extensions, path }) => `${String(extensions.code)} ${path?.join('.')}`).sort(),
  };
}

const damaged = (field: string, ...indexes: number[]) =>
  indexes.flatMap((index) => [
    `DATA_INTEGRITY conversation.messages.edges.${index}.node.content`,
    `DATA_INTEGRITY conversation.messages.nodes.${index}.${field}`,
  ]);

describe('A stored text that was tampered with', () => {
  it('swapped between two messages takes neither the other nor the page with it', async () => {
    const swapped = uuids(1, 3);
    await sql.rows(
      `UPDATE messages AS one SET sealed_content = other.sealed_content FROM messages AS other
       WHERE one.id = ANY ($1) AND other.id = ANY ($1) AND one.id <> other.id`,
      [swapped],
    );
    const page = await readPage(ada);
    expect(page.contents).toEqual(['one', null, 'three', null, 'five']);
    expect(page.edges.map(({ node }) => node === null)).toEqual([false, true, false, true, false]);
    expect(page.edges.every(({ cursor }) => cursor.length > 0)).toBe(true);
    expect(page.errors).toEqual(damaged('content', 1, 3).sort());
  });

  it('put from one column into another is DATA_INTEGRITY', async () => {
    await sql.rows('UPDATE messages SET sealed_content = sealed_reasoning WHERE id = ANY ($1)', [uuids(0)]);
    expect((await readPage(ada)).contents).toEqual([null, 'two', 'three', 'four', 'five']);
  });

  it("put in from another owner's row is DATA_INTEGRITY", async () => {
    const bob = app.person();
    const theirs = await create(bob, { title: 'Theirs' });
    const { messages: bobs } = await append(bob, {
      conversationId: theirs,
      messages: [{ role: 'USER', content: 'of Bob' }],
    });
    const move =
      'UPDATE messages SET sealed_content = (SELECT sealed_content FROM messages WHERE id = $1) WHERE id = $2';
    await sql.rows(move, [uuidOf(bobs[0]?.id ?? ''), uuids(4)[0]]);
    const page = await readPage(ada);
    expect(page.contents).toEqual(['one', 'two', 'three', 'four', null]);
  });

  it.each([
    ['a flipped bit', 'set_byte(sealed_content, 20, get_byte(sealed_content, 20) # 4)'],
    ['a cut', 'substring(sealed_content FOR length(sealed_content) - 1)'],
    ['nothing left', "''::bytea"],
    ['a text in clear', "convert_to('in clear', 'UTF8')"],
  ])('with %s is DATA_INTEGRITY', async (_what, change) => {
    await sql.rows(`UPDATE messages SET sealed_content = ${change} WHERE id = ANY ($1)`, [uuids(2)]);
    // An instance that has opened it before may show what it was for a minute; one that has not shows nothing.
    fresh = await startApp({ beside: app });
    try {
      const page = await readPage(fresh.person(nameOf(ada)));
      expect(page.contents).toEqual(['one', 'two', null, 'four', 'five']);
      expect(page.errors).toEqual(damaged('content', 2).sort());
    } finally {
      await fresh.close();
    }
  });
});

describe('The damage of a stored text', () => {
  it('takes its field alone, where that may be null', async () => {
    await sql.rows("UPDATE messages SET sealed_reasoning = '\\x01' WHERE id = ANY ($1)", [uuids(0)]);
    const { data, errors } = await ada.graphql('query ($id: ID!) { message(id: $id) { content reasoning } }', {
      id: messages[0]?.id,
    });
    expect(data).toEqual({ message: { content: 'one', reasoning: null } });
    expect(codesOf({ errors })).toEqual(['DATA_INTEGRITY']);
  });

  it('takes its conversation alone out of a list', async () => {
    const other = await create(ada, { title: 'Beside it' });
    await sql.rows("UPDATE conversations SET sealed_title = '\\x01' WHERE id = $1", [uuidOf(conversation)]);
    const { data, errors } = await ada.graphql('{ conversations { totalCount nodes { id title } } }');
    expect(data).toEqual({ conversations: { totalCount: 2, nodes: [{ id: other, title: 'Beside it' }, null] } });
    expect(codesOf({ errors })).toEqual(['DATA_INTEGRITY']);
  });

  it('is all that an error says of it: it holds no table, key or place', async () => {
    await sql.rows("UPDATE messages SET sealed_content = '\\x01' WHERE id = ANY ($1)", [uuids(0)]);
    const { errors } = await ada.graphql('query ($id: ID!) { message(id: $id) { content } }', { id: messages[0]?.id });
    expect(errors).toEqual([
      {
        message: 'A stored text is damaged and cannot be shown.',
        locations: expect.any(Array),
        path: ['message', 'content'],
        extensions: { code: 'DATA_INTEGRITY' },
      },
    ]);
  });
});

describe('A conversation with a damaged message', () => {
  it('goes on: the model is shown the others', async () => {
    await sql.rows("UPDATE messages SET sealed_content = '\\x01' WHERE id = ANY ($1)", [uuids(1, 2)]);
    // What is kept near at hand is from before the damage, and of another revision from here on.
    await sql.rows('UPDATE conversations SET revision = revision + 1 WHERE id = $1', [uuidOf(conversation)]);
    model.replyWith(answered('Sure.'));
    const { answer } = await send(ada, { conversationId: conversation, content: 'And now?' });
    const read = 'query ($id: ID!) { message(id: $id) { status content } }';
    const isFinal = async () => {
      const { message } = await ada.data<{ message: { status: string } }>(read, { id: answer.id });
      return message.status !== 'STREAMING' && message;
    };
    expect(await until('the answer is final', isFinal)).toEqual({ status: 'COMPLETE', content: 'Sure.' });
    const shown = (await model.call(1)).body.messages as { content: string }[];
    const contents = shown.map(({ content }) => content);
    expect(contents).toEqual(['one', 'four', 'five', 'And now?']);
  });

  it('gets an end for its answer: a damaged checkpoint is DATA_INTEGRITY to who reads, not to the writer', async () => {
    const { hand, id } = await startAnswer('First. ', 'Second. ', 'Third.');
    await sql.rows("UPDATE answer_chunks SET sealed = '\\x01' WHERE message_id = $1 AND number = 2", [uuidOf(id)]);
    expect(await readAnswer(id)).toEqual({ message: null, codes: ['DATA_INTEGRITY'] });
    await hand.finish();
    const message = { status: 'COMPLETE', content: 'First. Second. Third.' };
    await until('the answer is final', async () => (await readAnswer(id)).message);
    expect(await readAnswer(id)).toEqual({ message, codes: [] });
  });

  it('gets an end for its answer where the writer is lost: the text up to the damage is kept', async () => {
    const { hand, id } = await startAnswer('First. ', 'Second. ', 'Third.');
    await sql.rows("UPDATE answer_chunks SET sealed = '\\x01' WHERE message_id = $1 AND number = 2", [uuidOf(id)]);
    // As after a crash: nobody renews the run, and its lease is over since long.
    await sql.rows(
      `UPDATE answer_runs SET run_id = gen_random_uuid(), lease_until = now() - interval '1 min',
       suspect_since = now() - interval '1 min' WHERE message_id = $1`,
      [uuidOf(id)],
    );
    await until('the answer is final', async () => (await readAnswer(id)).message);
    expect(await readAnswer(id)).toEqual({ message: { status: 'INTERRUPTED', content: 'First. ' }, codes: [] });
    hand.cut();
  });
});

/** An answer of which each of these parts is a checkpoint of its own. */
async function startAnswer(...parts: string[]): Promise<{ hand: ModelByHand; id: string }> {
  const hand = new ModelByHand();
  model.replyWith(hand.reply);
  const { answer } = await send(ada, { conversationId: conversation, content: 'Slowly, please.' });
  const chunks = () => sql.rows('SELECT number FROM answer_chunks WHERE message_id = $1', [uuidOf(answer.id)]);
  for (const [index, text] of parts.entries()) {
    await hand.text(text);
    await until('a checkpoint', async () => (await chunks()).length > index);
  }
  return { hand, id: answer.id };
}

async function readAnswer(id: string) {
  const read = await ada.graphql('query ($id: ID!) { message(id: $id) { status content } }', { id });
  return { message: read.data?.message, codes: codesOf(read) };
}

const codesOf = ({ errors = [] }: Pick<GraphqlBody, 'errors'>) => errors.map(({ extensions }) => extensions.code);

/** The name in a person's token, to be the same at another instance. */
function nameOf({ token }: Person): string {
  const { sub }: { sub: string } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return sub;
}
