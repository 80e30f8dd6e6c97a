import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CommitOutcomeUnknown, statement } from '../../../src/platform/database.js';
import { newId, toPublicId } from '../../../src/platform/ids.js';
import { type Person, TestDomain } from './test-domain.js';

interface Shown {
  readonly id: string;
  readonly title: string;
  readonly systemPrompt: string | null;
  readonly model: string | null;
  readonly metadata: object;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly messageCount: number;
}

const fields = '{ id title systemPrompt model metadata pinned archived createdAt updatedAt messageCount }';
const createMutation = `mutation ($input: CreateConversationInput!) {
  createConversation(input: $input) { conversation ${fields} }
}`;
const updateMutation = `mutation ($input: UpdateConversationInput!) {
  updateConversation(input: $input) { conversation ${fields} }
}`;
const readQuery = `query ($id: ID!) { conversation(id: $id) ${fields} }`;

const revisionStatement = statement(
  'test.conversations.revision',
  'SELECT revision, updated_at FROM conversations WHERE owner_id = $1 AND id = $2::uuid',
);
const automaticTitleStatement = statement(
  'test.conversations.automaticTitle',
  'UPDATE conversations SET sealed_automatic_title = $3 WHERE owner_id = $1 AND id = $2::uuid',
);
const eraseOwnerStatement = statement('test.users.erasing', 'UPDATE users SET erasing_at = now() WHERE id = $1');
const requestsStatement = statement('test.requests', 'SELECT count(*)::integer AS n FROM requests WHERE owner_id = $1');

let domain: TestDomain;
let person: Person;
beforeAll(async () => {
  domain = await TestDomain.start();
});
beforeEach(async () => {
  person = await domain.person();
});
afterAll(() => domain.close());

async function create(input: Record<string, unknown> = {}, of = person): Promise<Shown> {
  const data = await of.get<{ createConversation: { conversation: Shown } }>(createMutation, { input });
  return data.createConversation.conversation;
}

async function update(id: string, input: Record<string, unknown>): Promise<Shown> {
  const data = await person.get<{ updateConversation: { conversation: Shown } }>(updateMutation, {
    input: { id, ...input },
  });
  return data.updateConversation.conversation;
}

async function read(id: string, of = person): Promise<Shown | null> {
  return (await of.get<{ conversation: Shown | null }>(readQuery, { id })).conversation;
}

const rowId = (publicId: string) => publicId.slice(4);

async function revisionOf(publicId: string): Promise<number> {
  const [row] = await domain.database.query<{ revision: number }>(revisionStatement, [person.id, rowId(publicId)]);
  return row?.revision ?? 0;
}

async function giveAutomaticTitle(publicId: string, title: string): Promise<void> {
  const id = rowId(publicId).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const sealed = person.keys.seal({ table: 'conversations', row: id, column: 'automatic_title' }, title);
  await domain.database.query(automaticTitleStatement, [person.id, id, sealed]);
}

describe('createConversation', () => {
  it('makes one that is called New conversation, with nothing in it', async () => {
    const made = await create();
    expect(made).toMatchObject({
      title: 'New conversation',
      systemPrompt: null,
      model: null,
      metadata: {},
      pinned: false,
      archived: false,
      messageCount: 0,
    });
    expect(made.updatedAt).toBe(made.createdAt);
    expect(await read(made.id)).toEqual(made);
  });

  it('keeps what it was given', async () => {
    const given = {
      title: ' Über Käse 🧀 ',
      systemPrompt: 'Be brief.',
      model: 'demo',
      metadata: { tags: ['a', { b: null }] },
    };
    expect(await create(given)).toMatchObject(given);
  });

  it.each([
    ['a title of 256 code units', { title: 'x'.repeat(256) }, 'input.title'],
    ['a title with half a surrogate pair', { title: 'a\ud800' }, 'input.title'],
    ['a prompt with NUL', { systemPrompt: 'a\0b' }, 'input.systemPrompt'],
    ['more than 16 KiB of metadata', { metadata: { text: 'x'.repeat(16_384) } }, 'input.metadata'],
    ['a model that is not there', { model: 'none' }, 'input.model'],
    ['an empty idempotencyKey', { idempotencyKey: '' }, 'input.idempotencyKey'],
    ['an idempotencyKey of 129 characters', { idempotencyKey: 'k'.repeat(129) }, 'input.idempotencyKey'],
  ])('refuses %s: BAD_USER_INPUT', async (_what, input, field) => {
    expect(await person.refusal(createMutation, { input })).toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('names the known models where it refuses one', async () => {
    const refusal = await person.refusal(createMutation, { input: { model: 'none' } });
    expect(refusal?.message).toContain('demo, other');
  });

  it('makes nothing for an owner who is being erased: UNAUTHENTICATED', async () => {
    await domain.database.query(eraseOwnerStatement, [person.id]);
    expect(await person.refusal(createMutation, { input: {} })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await domain.database.query(requestsStatement, [person.id])).toEqual([{ n: 0 }]);
  });
});

describe('An idempotencyKey of createConversation', () => {
  it('gives the same conversation in its present state, once, also for many at a time', async () => {
    const input = { title: 'One', metadata: { a: 1, b: 2 }, idempotencyKey: 'k' };
    const made = await Promise.all(Array.from({ length: 12 }, () => create(input)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const { id } = await create({ ...input, metadata: { b: 2, a: 1 } });
    await update(id, { title: 'Two' });
    expect(await create(input)).toMatchObject({ id, title: 'Two' });
    const listed = await person.get<{ conversations: { totalCount: number } }>('{ conversations { totalCount } }');
    expect(listed.conversations.totalCount).toBe(1);
  });

  it('is CONFLICT with other content', async () => {
    await create({ title: 'One', idempotencyKey: 'k' });
    const reused = { code: 'CONFLICT', reason: 'IDEMPOTENCY_KEY_REUSED' };
    expect(await person.refusal(createMutation, { input: { title: 'Two', idempotencyKey: 'k' } })).toMatchObject(
      reused,
    );
  });

  it('is NOT_FOUND once what it made was deleted, and makes nothing', async () => {
    const input = { idempotencyKey: 'k' };
    const { id } = await create(input);
    await person.get('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', { ids: [id] });
    expect(await person.refusal(createMutation, { input })).toMatchObject({ code: 'NOT_FOUND' });
    while (await domain.conversations.removeDeleted(1000));
    expect(await person.refusal(createMutation, { input })).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gives what was made where the outcome of the COMMIT was unknown, and makes no second one', async () => {
    const transaction = domain.database.transaction.bind(domain.database);
    const lost = jest.spyOn(domain.database, 'transaction').mockImplementationOnce(async (work) => {
      await transaction(work);
      throw new CommitOutcomeUnknown(new Error('The connection was lost.'));
    });
    const { id } = await create({ title: 'One' });
    expect(lost).toHaveBeenCalledTimes(2);
    lost.mockRestore();
    const listed = await person.get<{ conversations: { nodes: object[] } }>('{ conversations { nodes { id } } }');
    expect(listed.conversations.nodes).toEqual([{ id }]);
  });

  it("is the viewer's: somebody else may use the same", async () => {
    const stranger = await domain.person();
    const input = { title: 'One', idempotencyKey: 'k' };
    expect((await create(input)).id).not.toBe((await create({ ...input, title: 'Two' }, stranger)).id);
  });
});

describe('updateConversation', () => {
  const given = { title: 'One', systemPrompt: 'Be brief.', model: 'demo', metadata: { a: 1 } };

  it('leaves what is absent', async () => {
    const before = await create(given);
    expect(await update(before.id, { pinned: true })).toEqual({ ...before, pinned: true });
    expect(await update(before.id, { model: 'other' })).toEqual({ ...before, pinned: true, model: 'other' });
  });

  it('gives back the default for null: automatic title, no prompt, the server’s model, {}', async () => {
    const { id } = await create(given);
    const reset = { title: null, systemPrompt: null, model: null, metadata: null };
    expect(await update(id, reset)).toMatchObject({
      title: 'New conversation',
      systemPrompt: null,
      model: null,
      metadata: {},
    });
  });

  it.each(['', '   ', null])('gives back the automatic title for %j', async (title) => {
    const { id } = await create(given);
    await giveAutomaticTitle(id, 'How to make cheese');
    expect(await update(id, { title })).toMatchObject({ title: 'How to make cheese' });
  });

  it('replaces metadata whole', async () => {
    const { id } = await create(given);
    expect(await update(id, { metadata: { b: 2 } })).toMatchObject({ metadata: { b: 2 } });
  });

  it.each(['pinned', 'archived'])('refuses null for %s: BAD_USER_INPUT', async (field) => {
    const { id } = await create();
    const refusal = await person.refusal(updateMutation, { input: { id, [field]: null } });
    expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT', field: `input.${field}` });
  });

  it('takes the next revision for each change, and leaves updatedAt', async () => {
    const { id, updatedAt } = await create();
    const before = await revisionOf(id);
    const changes = [{ title: 'One' }, { pinned: true }, { archived: true }, { model: 'demo' }, { metadata: { a: 1 } }];
    for (const change of changes) expect(await update(id, change)).toMatchObject({ updatedAt });
    expect(await revisionOf(id)).toBe(before + changes.length);
    await update(id, {});
    expect(await revisionOf(id)).toBe(before + changes.length);
  });

  it('loses none of many changes at a time', async () => {
    const { id } = await create();
    const before = await revisionOf(id);
    await Promise.all(
      Array.from({ length: 10 }, (_, at) => update(id, at % 2 ? { pinned: true } : { title: `T${at}` })),
    );
    expect(await revisionOf(id)).toBe(before + 10);
  });
});

describe('Somebody else’s conversation', () => {
  it.each([
    ['a deleted one', async () => (await deleted()).id],
    ['one that never was', async () => toPublicId('cnv', newId())],
    ['somebody else’s', async () => (await create({}, await domain.person())).id],
    ['an id of another type', async () => toPublicId('msg', newId())],
    ['no id at all', async () => 'cnv_x'],
  ])('%s does not exist: read is null, update NOT_FOUND, delete leaves it out', async (_what, idOf) => {
    const id = await idOf();
    expect(await read(id)).toBeNull();
    expect(await person.refusal(updateMutation, { input: { id, title: 'Mine' } })).toEqual({
      code: 'NOT_FOUND',
      field: undefined,
      reason: undefined,
      message: 'There is no such conversation.',
      path: 'updateConversation',
    });
    const data = await person.get<{ deleteConversations: { deletedIds: string[] } }>(
      'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }',
      { ids: [id] },
    );
    expect(data.deleteConversations.deletedIds).toEqual([]);
  });

  it('answers after the same statements as one that was deleted', async () => {
    const ids = [(await deleted()).id, (await create({}, await domain.person())).id, toPublicId('cnv', newId())];
    const sent: string[][] = [];
    for (const id of ids) {
      domain.sent.length = 0;
      await read(id);
      await person.refusal(updateMutation, { input: { id, title: 'Mine' } });
      sent.push([...domain.sent]);
    }
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[2]).toEqual(sent[0]);
  });

  async function deleted(): Promise<Shown> {
    const made = await create();
    await person.get('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', { ids: [made.id] });
    return made;
  }
});

describe('Mutations of one operation', () => {
  it('each give what they changed, whatever the one before has read', async () => {
    const { id } = await create({ title: 'One' });
    const data = await person.get<Record<'a' | 'b', { conversation: { title: string } }>>(
      `mutation ($id: ID!) {
        a: updateConversation(input: { id: $id, title: "Two" }) { conversation { title } }
        b: updateConversation(input: { id: $id, title: "Three" }) { conversation { title } }
      }`,
      { id },
    );
    expect([data.a.conversation.title, data.b.conversation.title]).toEqual(['Two', 'Three']);
  });
});
