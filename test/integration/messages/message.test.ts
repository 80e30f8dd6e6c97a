import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findMessage } from '../../../src/messages/message.repository.js';
import { Message } from '../../../src/messages/message.types.js';
import type { MessageRow } from '../../../src/messages/message-row.js';
import { type Person, TestDomain } from '../conversations/test-domain.js';
import { type PlantedTree, plantTree } from './planted-tree.js';

let domain: TestDomain;
let person: Person;
let tree: PlantedTree;
beforeAll(async () => {
  domain = await TestDomain.start();
  person = await domain.person();
  tree = await plantTree(person, [
    { after: null, text: 'Käse 🧀?' },
    { after: 1, text: 'Yes, 🧀 indeed', role: 'ASSISTANT', status: 'STREAMING' },
  ]);
});
afterAll(() => domain.close());

async function rowAt(position: number): Promise<MessageRow> {
  const row = await findMessage(domain.database, person.id, tree.ids[position - 1] ?? '');
  if (!row) throw new Error(`There is no message at ${position}.`);
  return row;
}

describe('The text of a message', () => {
  it('is what was stored, and its offsets are counted in UTF-16 code units', async () => {
    const message = new Message(await rowAt(1), await person.scope());
    expect(message.content).toBe('Käse 🧀?');
    expect(message.reasoning).toBeNull();
    expect(message.offsets).toEqual({ content: 8, reasoning: 0 });
  });

  it('is, of a running answer, what its checkpoints hold', async () => {
    const message = new Message(await rowAt(2), await person.scope());
    expect(message.content).toBe('Yes, 🧀 indeed');
    expect(message.offsets).toEqual({ content: 14, reasoning: 0 });
  });

  it('ends where a checkpoint is missing', async () => {
    const row = await rowAt(2);
    const chunks = row.chunks?.filter((_, index) => index !== 1) ?? [];
    expect(new Message({ ...row, chunks }, await person.scope()).content).toBe('Yes, ');
  });

  it('is, in a live event, the text that the event has', async () => {
    const live = { content: 'Yes, 🧀 indeed, and', reasoning: 'Hm' };
    const message = new Message(await rowAt(2), await person.scope(), live);
    expect([message.content, message.reasoning]).toEqual([live.content, live.reasoning]);
    expect(message.offsets).toEqual({ content: 19, reasoning: 2 });
  });

  it('is what a live event has, also where the answer has ended since', async () => {
    const ended = { ...(await rowAt(2)), status: 'COMPLETE', chunks: null } as const;
    const message = new Message(ended, await person.scope(), { content: 'Yes', reasoning: '' });
    expect([message.content, message.reasoning, message.status]).toEqual(['Yes', null, 'COMPLETE']);
    expect(message.offsets).toEqual({ content: 3, reasoning: 0 });
  });

  it('of a checkpoint that was moved to another answer is DATA_INTEGRITY', async () => {
    const row = { ...(await rowAt(2)), id: tree.ids[0] ?? '' };
    const message = new Message(row, await person.scope());
    expect(() => message.content).toThrow(expect.objectContaining({ extensions: { code: 'DATA_INTEGRITY' } }));
  });
});
