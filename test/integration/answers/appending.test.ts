import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppendMessageInput } from '../../../src/answers/answer-input.types.js';
import type { Scope } from '../../../src/identity/scope.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let instance: Instance;
let scope: Scope;
let conversationId: string;

beforeAll(async () => {
  own = await createDatabase();
  instance = await Instance.start({ url: own.url });
  scope = await instance.person();
  const { id } = await instance.conversations.create(scope, { temporary: false });
  conversationId = toPublicId('cnv', id);
});

afterAll(async () => {
  await instance?.stop();
  await own?.drop();
});

const append = (message: Partial<AppendMessageInput>) =>
  instance.answers.append(scope, {
    ...{ conversationId, whenBusy: 'REJECT' },
    messages: [{ role: 'USER', content: 'Said.', ...message }],
  });

describe('createdAt of an appended message', () => {
  it.each(['2020-02-29T12:00:00.000Z', '1969-12-31T23:59:59.999Z', '0001-01-01T00:00:00.000Z'])(
    'may be past: %s',
    async (createdAt) => {
      expect((await append({ createdAt })).messages).toMatchObject([{ created_at: createdAt }]);
    },
  );

  it.each(['9999-01-01T00:00:00.000Z', '0000-12-31T23:59:59.999Z'])(
    'is BAD_USER_INPUT where nothing was said: %s',
    async (createdAt) => {
      const field = 'input.messages.0.createdAt';
      await expect(append({ createdAt })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', extensions: { field } });
    },
  );
});
