import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { conversationPlace } from '../../../src/conversations/conversation-row.js';
import { messagePlace } from '../../../src/messages/message-texts.js';
import type { Place } from '../../../src/platform/encryption.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let instance: Instance;

beforeAll(async () => {
  own = await createDatabase();
  instance = await Instance.start({ url: own.url });
});

afterAll(async () => {
  await instance?.stop();
  await own?.drop();
});

it('An erasure takes the opened texts of the message, and the title made of it, out of memory', async () => {
  const scope = await instance.person();
  const { id } = await instance.conversations.create(scope, { temporary: false });
  const { messages, conversation } = await instance.answers.append(scope, {
    conversationId: toPublicId('cnv', id),
    messages: [{ role: 'USER', content: 'hunter2', reasoning: 'hunter2', metadata: { secret: 'hunter2' } }],
    whenBusy: 'REJECT',
  });
  const [message] = messages;
  if (!message) throw new Error('Nothing was appended.');
  const texts: [Place, string | null][] = [
    [messagePlace(message.id, 'content'), message.content],
    [messagePlace(message.id, 'reasoning'), message.reasoning],
    [messagePlace(message.id, 'metadata'), message.metadata],
    [conversationPlace(id, 'automatic_title'), conversation.automatic_title],
  ];
  // What is kept is told by its end; damage before that shows whether it is opened anew.
  for (const [place, sealed] of texts) {
    expect(scope.openText(place, 1, sealed ?? '')).toContain('hunter2');
    expect(scope.openText(place, 1, damaged(sealed))).toContain('hunter2');
  }
  await instance.answers.erase(scope, toPublicId('msg', message.id));
  for (const [place, sealed] of texts) {
    expect(() => scope.openText(place, 1, damaged(sealed))).toThrow(
      expect.objectContaining({ code: 'DATA_INTEGRITY' }),
    );
  }
});

/** With another nonce, and the same end. */
const damaged = (sealed: string | null): string => {
  const bytes = Buffer.from(sealed ?? '', 'base64');
  bytes[8] = (bytes[8] ?? 0) ^ 1;
  return bytes.toString('base64');
};
