import { loadConfig } from '../../src/config.js';
import { entities } from '../../src/entities.js';
import { Keyring } from '../../src/identity/keyring.js';
import { systemClock } from '../../src/platform/clock.js';
import { encodeCursor } from '../../src/platform/cursor.js';
import { Database } from '../../src/platform/database.js';
import { ConfiguredKeyEncryption } from '../../src/platform/encryption.js';
import { fromPublicId } from '../../src/platform/ids.js';
import { createLog } from '../../src/platform/log.js';
import type { TestApp } from './app.js';
import type { Person } from './person.js';

export interface CursorPlace {
  readonly person: Person;
  readonly answerId: string;
  readonly content: number;
  readonly reasoning: number;
}

/** The genuine cursor of a place in an answer where its text may not be yet, or not be any more: as after a crash. */
export async function makeAnswerCursor(app: TestApp, place: CursorPlace): Promise<string> {
  const { viewer } = await place.person.data<{ viewer: { id: string } }>('{ viewer { id } }');
  const timeouts = { connectMs: 5000, statementMs: 5000, lockMs: 5000 };
  const options = { url: app.database.url, poolSize: 1, entities, applicationName: 'parley-tests', timeouts };
  const database = await Database.connect(options, createLog('silent'));
  try {
    const { encryptionKeys } = loadConfig(app.env);
    const keyring = new Keyring(database, new ConfiguredKeyEncryption(encryptionKeys ?? []), systemClock);
    const keys = await keyring.of(fromPublicId('usr', viewer.id) ?? '');
    const messageId = fromPublicId('msg', place.answerId) ?? '';
    return encodeCursor(keys, 'answer', messageId, [place.content, place.reasoning]);
  } finally {
    await database.close();
  }
}
