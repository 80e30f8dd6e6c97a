import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createApp } from '../../../src/app.js';
import { loadConfig } from '../../../src/config.js';
import { migrate } from '../../../src/migrate.js';
import { createLog } from '../../../src/platform/log.js';
import { StartError } from '../../../src/resources.js';
import { startApp, type TestApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { createEmptyDatabase } from '../../support/test-database.js';

const newKey = () => randomBytes(32).toString('base64');
let app: TestApp;
let folder: TemporaryFolder;
let dataDir: string;
let number = 0;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
});

afterAll(() => folder?.remove());

beforeEach(() => {
  number += 1;
  dataDir = join(folder.path, `data-${number}`);
});

/** What a start beside `app` with other variables says where it refuses; null where it starts. */
async function refusal(env: NodeJS.ProcessEnv): Promise<string | null> {
  const started: unknown = await createApp(loadConfig({ ...app.env, ...env }), { log: createLog('silent') }).catch(
    (error: unknown) => error,
  );
  if (started instanceof StartError) return started.message;
  if (started instanceof Error) throw started;
  await (started as Awaited<ReturnType<typeof createApp>>).stop();
  return null;
}

async function withApp(env: NodeJS.ProcessEnv, work: () => Promise<void>): Promise<void> {
  app = await startApp({ env });
  try {
    await create(app.person(), { title: 'Sealed' });
    await work();
  } finally {
    await app.close();
  }
}

describe('A start on a database that other keys sealed', () => {
  it('is refused in one sentence that names the key to put back', async () => {
    await withApp({ ENCRYPTION_KEYS: `2026:${newKey()}` }, async () => {
      const sentence =
        'Texts in this database are sealed with "2026", which ENCRYPTION_KEYS does not have as it was: put it there again, behind the others, as id:base64.';
      expect(await refusal({ ENCRYPTION_KEYS: `2027:${newKey()}` })).toBe(sentence);
      // The same id, another key.
      expect(await refusal({ ENCRYPTION_KEYS: `2026:${newKey()}` })).toBe(sentence);
      expect(await refusal({ ENCRYPTION_KEYS: `2027:${newKey()},${app.env.ENCRYPTION_KEYS}` })).toBeNull();
      expect(await refusal({})).toBeNull();
    });
  });

  it('is refused where any of the keys that are in use is missing', async () => {
    const [old, renewed] = [`2026:${newKey()}`, `2027:${newKey()}`];
    await withApp({ ENCRYPTION_KEYS: old }, async () => {
      const later = await startApp({ beside: app, env: { ENCRYPTION_KEYS: `${renewed},${old}` } });
      await create(later.person(), { title: 'Sealed later' });
      await later.close();
      expect(await refusal({ ENCRYPTION_KEYS: old })).toContain('"2027"');
      expect(await refusal({ ENCRYPTION_KEYS: renewed })).toContain('"2026"');
      expect(await refusal({ ENCRYPTION_KEYS: `2028:${newKey()}` })).toContain('"2026" and "2027"');
      expect(await refusal({ ENCRYPTION_KEYS: `${old},${renewed}` })).toBeNull();
    });
  });

  it('is refused where the generated key was lost beside existing data, and names its file', async () => {
    await withApp({ ENCRYPTION_KEYS: undefined, DATA_DIR: dataDir }, async () => {
      await app.stop();
      const file = join(dataDir, 'encryption-key');
      const key = await readFile(file, 'utf8');
      await rm(file);
      expect(await refusal({})).toBe(
        `The texts in this database are sealed with another key than that in ${file}: restore that file, or begin anew with another DATA_DIR.`,
      );
      expect(await refusal({ ENCRYPTION_KEYS: `2026:${newKey()}` })).toContain(
        '("development" was generated, its base64 is in the file encryption-key of DATA_DIR)',
      );
      await writeFile(file, key);
      expect(await refusal({})).toBeNull();
      expect(await refusal({ ENCRYPTION_KEYS: `2026:${newKey()},development:${key.trim()}` })).toBeNull();
    });
  });

  it('is refused where the database of the keys is another, and empty', async () => {
    const empty = await createEmptyDatabase();
    try {
      await withApp({}, async () => {
        await migrate({ databaseUrl: app.database.url, keysDatabaseUrl: empty.url });
        expect(await refusal({ KEYS_DATABASE_URL: empty.url })).toBe(
          'This database has conversations, but the database of the keys has no keys: set KEYS_DATABASE_URL to the one that has them, or restore its keys.',
        );
      });
    } finally {
      await empty.drop();
    }
  });
});
