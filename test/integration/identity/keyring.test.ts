import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Keyring } from '../../../src/identity/keyring.js';
import { tryKeys } from '../../../src/identity/tried-keys.js';
import { Database, statement } from '../../../src/platform/database.js';
import { ConfiguredKeyEncryption, type DataKey, type OwnerKeys, type Place } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';

const kek = (id: string) => ({ id, key: randomBytes(32) });
const first = kek('2026');
const second = kek('2027');
const place: Place = { table: 'messages', row: newId(), column: 'content' };
const damaged = expect.objectContaining({ extensions: { code: 'DATA_INTEGRITY' } });

const countKeys = statement('test.keys.count', 'SELECT count(*) AS found FROM keys.data_keys WHERE user_id = $1');
const removeKeys = statement('test.keys.remove', 'DELETE FROM keys.data_keys WHERE user_id = $1');
const moveKeys = statement('test.keys.move', 'UPDATE keys.data_keys SET user_id = $2 WHERE user_id = $1');
const flipBit = statement(
  'test.keys.flip',
  'UPDATE keys.data_keys SET wrapped = set_byte(wrapped, $2, get_byte(wrapped, $2) # 1) WHERE user_id = $1',
);

let own: TestDatabase;
let database: Database;
let clock: ManualClock;
const sent: string[] = [];

beforeAll(async () => {
  own = await createDatabase();
  const timeouts = { connectMs: 5000, statementMs: 5000, lockMs: 5000 };
  database = await Database.connect(
    {
      ...{ url: own.url, poolSize: 5, entities: [], applicationName: 'parley-tests', timeouts },
      onStatement: (name) => sent.push(name),
    },
    createLog('silent'),
  );
});

afterAll(async () => {
  await database?.close();
  await own?.drop();
});

beforeEach(async () => {
  clock = new ManualClock();
  await clock.advance(1);
  sent.length = 0;
});

const keyringOf = (...keks: (typeof first)[]) => new Keyring(database, new ConfiguredKeyEncryption(keks), clock);

async function ownerOf(keyring: Keyring): Promise<string> {
  const ownerId = newId();
  await keyring.ensure(ownerId);
  return ownerId;
}

describe('The keyring', () => {
  it('opens what another instance sealed', async () => {
    const ownerId = await ownerOf(keyringOf(first));
    const sealed = (await keyringOf(first).of(ownerId)).seal(place, 'Hello');
    expect((await keyringOf(first).of(ownerId)).open(place, sealed)).toBe('Hello');
  });

  it('makes one key for an owner, however many ask at once', async () => {
    const ownerId = newId();
    const keyrings = Array.from({ length: 50 }, (_, index) => keyringOf(...(index % 2 ? [first] : [second, first])));
    await Promise.all(keyrings.map((keyring) => keyring.ensure(ownerId)));
    expect(await database.query(countKeys, [ownerId])).toEqual([{ found: 1 }]);
  });

  it('never replaces a key: one that is slow to make another takes the first', async () => {
    const ownerId = newId();
    const slow = new SlowToWrap([second, first]);
    const ensured = new Keyring(database, slow, clock).ensure(ownerId);
    await slow.asked;
    const quick = keyringOf(first);
    await quick.ensure(ownerId);
    const sealed = (await quick.of(ownerId)).seal(place, 'Hello');
    slow.goOn();
    await ensured;
    expect((await keyringOf(second, first).of(ownerId)).open(place, sealed)).toBe('Hello');
  });
});

describe('Opened keys', () => {
  it('are kept for 60 s, then asked for again', async () => {
    const keyring = keyringOf(first);
    const ownerId = await ownerOf(keyring);
    sent.length = 0;
    for (let second = 0; second < 60; second += 1) {
      await keyring.of(ownerId);
      await clock.advance(1000);
    }
    expect(sent).toEqual(['keys.read']);
    await clock.advance(1);
    await keyring.of(ownerId);
    expect(sent).toEqual(['keys.read', 'keys.read']);
  });

  it('open nothing 60 s after their key was destroyed', async () => {
    const keyring = keyringOf(first);
    const ownerId = await ownerOf(keyring);
    await keyring.of(ownerId);
    await database.query(removeKeys, [ownerId]);
    await clock.advance(60_001);
    await expect(keyring.of(ownerId)).rejects.toEqual(damaged);
  });

  it('are asked for once by many at the same time, and anew when they were forgotten', async () => {
    const keyring = keyringOf(first);
    const ownerId = await ownerOf(keyring);
    sent.length = 0;
    const all = await Promise.all(Array.from({ length: 20 }, () => keyring.of(ownerId)));
    expect(new Set(all).size).toBe(1);
    expect(sent).toEqual(['keys.read']);
    keyring.forget(ownerId);
    await keyring.of(ownerId);
    expect(sent).toEqual(['keys.read', 'keys.read']);
  });

  it('are asked for again after a failure', async () => {
    const keyring = keyringOf(first);
    const ownerId = newId();
    await expect(keyring.of(ownerId)).rejects.toEqual(damaged);
    await keyring.ensure(ownerId);
    expect((await keyring.of(ownerId)).ownerId).toBe(ownerId);
  });

  it('are DATA_INTEGRITY where the wrapped one was damaged, or given to another owner', async () => {
    const keyring = keyringOf(first);
    for (const byte of [0, 11, 12, 43, 44, 59]) {
      const ownerId = await ownerOf(keyring);
      await database.query(flipBit, [ownerId, byte]);
      await expect(keyring.of(ownerId)).rejects.toEqual(damaged);
    }
    const other = newId();
    await database.query(moveKeys, [await ownerOf(keyring), other]);
    await expect(keyring.of(other)).rejects.toEqual(damaged);
  });
});

describe('Opened keys that nobody asks for again', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('leave the memory after 60 s', async () => {
    const keyring = keyringOf(first);
    const ownerId = await ownerOf(keyring);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    const opened = await openedWeakly(keyring, ownerId);
    await clock.advance(60_001);
    await collectGarbage();
    expect(opened.deref()).toBeDefined();
    jest.advanceTimersByTime(60_002);
    await collectGarbage();
    expect(opened.deref()).toBeUndefined();
  });
});

describe('Key-encryption keys', () => {
  it('may be several: the first wraps, all unwrap', async () => {
    const old = await ownerOf(keyringOf(first));
    const renewed = await ownerOf(keyringOf(second, first));
    const sealed = (await keyringOf(second, first).of(old)).seal(place, 'Hello');
    expect((await keyringOf(first).of(old)).open(place, sealed)).toBe('Hello');
    expect((await keyringOf(second).of(renewed)).ownerId).toBe(renewed);
    await expect(keyringOf(first).of(renewed)).rejects.toEqual(damaged);
    await expect(keyringOf(second).of(old)).rejects.toEqual(damaged);
  });

  it('are tried one by one, on a few data keys of each', async () => {
    await Promise.all(Array.from({ length: 5 }, () => ownerOf(keyringOf(first))));
    const newest = await ownerOf(keyringOf(second));
    const tried = async (...keks: (typeof first)[]) =>
      Object.fromEntries(await tryKeys(database, new ConfiguredKeyEncryption(keks)));
    sent.length = 0;
    expect(await tried(second, first)).toEqual({ 2026: true, 2027: true });
    expect(await tried(second)).toEqual({ 2026: false, 2027: true });
    expect(await tried(kek('2026'), second)).toEqual({ 2026: false, 2027: true });
    expect(sent).toEqual(['keys.sample', 'keys.sample', 'keys.sample']);
    // One damaged data key is no wrong key-encryption key.
    await database.query(flipBit, [newest, 20]);
    expect(await tried(second, first)).toEqual({ 2026: true, 2027: true });
  });
});

/** Found no key and makes one, until it may go on. */
class SlowToWrap extends ConfiguredKeyEncryption {
  readonly #asked = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  readonly asked = this.#asked.promise;

  goOn(): void {
    this.#released.resolve();
  }

  override async wrap(ownerId: string, dataKey: DataKey) {
    this.#asked.resolve();
    await this.#released.promise;
    return super.wrap(ownerId, dataKey);
  }
}

async function openedWeakly(keyring: Keyring, ownerId: string): Promise<WeakRef<OwnerKeys>> {
  return new WeakRef(await keyring.of(ownerId));
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // What a WeakRef gave stays until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  if (typeof collect === 'function') collect();
}
