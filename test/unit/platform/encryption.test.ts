import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  ConfiguredKeyEncryption,
  type DataKey,
  newDataKey,
  OwnerKeys,
  type Place,
  sameBytes,
} from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { fc } from '../../support/fast-check.js';

const ada = newId();
const bob = newId();
const dataKey = newDataKey(1);
const keys = new OwnerKeys(ada, [dataKey]);
const place: Place = { table: 'messages', row: newId(), column: 'content' };
const text = 'Où est la clé ? 日本語 👩‍👩‍👧';

const damaged = expect.objectContaining({ name: 'ParleyError', extensions: { code: 'DATA_INTEGRITY' } });

/** Never a wrong text: whatever was done to it, it opens as it was or not at all. */
const expectDamaged = (open: () => unknown) => expect(open).toThrow(damaged);

function* flippedOnce(bytes: Buffer): Generator<{ at: number; flipped: Buffer }> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const at = Math.floor(bit / 8);
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
    yield { at, flipped };
  }
}

describe('A sealed text', () => {
  it('opens as it was, whatever it says', () => {
    const anyText = fc.string({ unit: 'grapheme', maxLength: 300 });
    fc.assert(fc.property(anyText, (any) => keys.open(place, keys.seal(place, any)) === any));
    for (const edge of ['', '\0', '\u{10ffff}', 'x'.repeat(1_000_000)]) {
      expect(keys.open(place, keys.seal(place, edge)) === edge).toBe(true);
    }
  });

  it('has the documented form: version, key id, nonce, ciphertext and tag under a key of its own', () => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', hkdf(dataKey.key, 'parley/content/v1'), nonce);
    cipher.setAAD(Buffer.from(`parley\n1\n${ada}\n${place.table}\n${place.row}\n${place.column}`));
    const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    const sealed = Buffer.concat([Buffer.of(1, 0, 0, 0, 1), nonce, ciphertext, cipher.getAuthTag()]);
    expect(keys.open(place, sealed)).toBe(text);
    expect(keys.seal(place, text).subarray(0, 5)).toEqual(Buffer.of(1, 0, 0, 0, 1));
    expect(keys.seal(place, text)).toHaveLength(sealed.length);
  });

  it('is another one each time, and for two owners', () => {
    const bobs = new OwnerKeys(bob, [newDataKey(1)]);
    const all = [keys.seal(place, text), keys.seal(place, text), bobs.seal(place, text), bobs.seal(place, text)];
    const bodies = all.map((sealed) => sealed.subarray(17).toString('hex'));
    expect(new Set(bodies).size).toBe(4);
  });
});

describe('A sealed text that was tampered with', () => {
  it('with any bit flipped is DATA_INTEGRITY: in version, key id, nonce, ciphertext and tag', () => {
    const sealed = keys.seal(place, text);
    let tried = 0;
    for (const { flipped } of flippedOnce(sealed)) {
      expectDamaged(() => keys.open(place, flipped));
      tried += 1;
    }
    expect(tried).toBe(sealed.length * 8);
    expect(keys.open(place, sealed)).toBe(text);
  });

  it('cut at either end, or lengthened, is DATA_INTEGRITY', () => {
    const sealed = keys.seal(place, text);
    for (let length = 0; length < sealed.length; length += 1) {
      expectDamaged(() => keys.open(place, sealed.subarray(0, length)));
      expectDamaged(() => keys.open(place, sealed.subarray(sealed.length - length)));
    }
    expectDamaged(() => keys.open(place, Buffer.concat([sealed, Buffer.of(0)])));
    expectDamaged(() => keys.open(place, Buffer.concat([sealed, sealed])));
  });

  it.each([4, 8, 12, 13, 14, 15])('with a tag of just %i bytes is DATA_INTEGRITY', (tagBytes) => {
    const sealed = keys.seal(place, '');
    expectDamaged(() => keys.open(place, sealed.subarray(0, sealed.length - 16 + tagBytes)));
    const withText = keys.seal(place, text);
    expectDamaged(() => keys.open(place, withText.subarray(0, withText.length - 16 + tagBytes)));
  });

  it.each([0, 2, 255])('of version %i, which nobody knows, is DATA_INTEGRITY', (version) => {
    const sealed = keys.seal(place, text);
    sealed[0] = version;
    expectDamaged(() => keys.open(place, sealed));
  });

  it.each([0, 2, 0xffffffff])('under key %i, which its owner does not have, is DATA_INTEGRITY', (keyId) => {
    const sealed = keys.seal(place, text);
    sealed.writeUInt32BE(keyId, 1);
    expectDamaged(() => keys.open(place, sealed));
  });
});

describe('A sealed text that was moved', () => {
  it('opens at its own place only: not in another row, column or table', () => {
    const sealed = keys.seal(place, text);
    for (const moved of [
      { ...place, row: newId() },
      { ...place, column: 'reasoning' },
      { ...place, table: 'conversations' },
      // No two places are written alike, even where a part of one could be read as a part of the other.
      { table: 'messages', row: `${place.row}\ncontent`, column: '' },
    ]) {
      expectDamaged(() => keys.open(moved, sealed));
    }
  });

  it('opens for its owner only, even under the same key', () => {
    const sealed = keys.seal(place, text);
    expectDamaged(() => new OwnerKeys(bob, [newDataKey(1)]).open(place, sealed));
    expectDamaged(() => new OwnerKeys(bob, [dataKey]).open(place, sealed));
  });

  it('does not open with a part of another', () => {
    const one = keys.seal(place, 'The first of two.');
    const other = keys.seal(place, 'The second, same.');
    for (const cut of [6, 17, one.length - 16]) {
      expectDamaged(() => keys.open(place, Buffer.concat([one.subarray(0, cut), other.subarray(cut)])));
    }
  });
});

describe('An owner with several keys', () => {
  const newer = newDataKey(2);
  const rotated = new OwnerKeys(ada, [dataKey, newer]);

  it('seals under the newest and opens under all', () => {
    const before = keys.seal(place, text);
    const after = rotated.seal(place, text);
    expect(rotated.open(place, before)).toBe(text);
    expect(rotated.open(place, after)).toBe(text);
    expect(after.readUInt32BE(1)).toBe(2);
    expectDamaged(() => keys.open(place, after));
    expect(new OwnerKeys(ada, [newer]).open(place, after)).toBe(text);
  });

  it('keeps terms, fingerprints and cursors of the first: what is stored is found again', () => {
    expect(rotated.term('clé')).toEqual(keys.term('clé'));
    expect(rotated.fingerprint('key\nclé')).toEqual(keys.fingerprint('key\nclé'));
    expect(rotated.cursorMac('clé')).toEqual(keys.cursorMac('clé'));
  });

  it('cannot be without any', () => {
    expectDamaged(() => new OwnerKeys(ada, []));
  });
});

describe('Terms, fingerprints and the proof of cursors', () => {
  const fixed = (ownerId: string) => new OwnerKeys(ownerId, [{ id: 1, key: Buffer.alloc(32, 7) }]);

  it('are the same for ever: what is stored is found by them', () => {
    // Reckoned by another program.
    expect(fixed(ada).term('clé').toString('hex')).toBe('cf1b67d080ed57e3');
    expect(fixed(ada).cursorMac('clé').toString('hex')).toBe('8337c16de29e8fe7');
    expect(fixed(ada).fingerprint('clé').toString('hex')).toBe(
      '65a31f1c6b6b4c695e479e0bc090503b4c9e787041351e8849f54185eb07b325',
    );
  });

  it('tell two owners and two uses apart', () => {
    const bobs = new OwnerKeys(bob, [newDataKey(1)]);
    expect(bobs.term('clé')).not.toEqual(keys.term('clé'));
    expect(bobs.fingerprint('clé')).not.toEqual(keys.fingerprint('clé'));
    expect(keys.fingerprint('clé').subarray(0, 8)).not.toEqual(keys.term('clé'));
    expect(keys.cursorMac('clé')).not.toEqual(keys.term('clé'));
  });
});

describe('A wrapped data key', () => {
  const kek = (id: string) => ({ id, key: randomBytes(32) });
  const first = kek('2026');
  const second = kek('2027');
  const key: DataKey = newDataKey(1);
  const refused = (unwrapping: Promise<DataKey>) => expect(unwrapping).rejects.toEqual(damaged);

  it('is wrapped by the first key-encryption key, and unwrapped by all', async () => {
    const old = await new ConfiguredKeyEncryption([first]).wrap(ada, key);
    const both = new ConfiguredKeyEncryption([second, first]);
    const renewed = await both.wrap(ada, key);
    expect([old.kekId, renewed.kekId]).toEqual(['2026', '2027']);
    expect(await both.unwrap(ada, 1, '2026', old.wrapped)).toEqual(key);
    expect(await both.unwrap(ada, 1, '2027', renewed.wrapped)).toEqual(key);
    await refused(new ConfiguredKeyEncryption([first]).unwrap(ada, 1, '2027', renewed.wrapped));
  });

  it('is another one each time, and holds nothing of the key', async () => {
    const encryption = new ConfiguredKeyEncryption([first]);
    const [one, other] = [await encryption.wrap(ada, key), await encryption.wrap(ada, key)];
    expect(one.wrapped.equals(other.wrapped)).toBe(false);
    expect(one.wrapped.includes(key.key)).toBe(false);
  });

  it('with any bit flipped, cut or lengthened is DATA_INTEGRITY', async () => {
    const encryption = new ConfiguredKeyEncryption([first]);
    const { wrapped } = await encryption.wrap(ada, key);
    for (const { flipped } of flippedOnce(wrapped)) await refused(encryption.unwrap(ada, 1, '2026', flipped));
    for (let length = 0; length < wrapped.length; length += 1) {
      await refused(encryption.unwrap(ada, 1, '2026', wrapped.subarray(0, length)));
    }
    await refused(encryption.unwrap(ada, 1, '2026', Buffer.concat([wrapped, Buffer.of(0)])));
  });

  it('unwraps for its owner, number and key-encryption key only', async () => {
    const encryption = new ConfiguredKeyEncryption([first, { id: 'same', key: first.key }]);
    const { wrapped } = await encryption.wrap(ada, key);
    await refused(encryption.unwrap(bob, 1, '2026', wrapped));
    await refused(encryption.unwrap(ada, 2, '2026', wrapped));
    await refused(encryption.unwrap(ada, 1, 'same', wrapped));
    await refused(new ConfiguredKeyEncryption([{ id: '2026', key: randomBytes(32) }]).unwrap(ada, 1, '2026', wrapped));
  });
});

describe('Byte strings', () => {
  it('are the same only where length and bytes are', () => {
    expect(sameBytes(Buffer.of(1, 2), Buffer.of(1, 2))).toBe(true);
    expect(sameBytes(Buffer.of(1, 2), Buffer.of(1, 3))).toBe(false);
    expect(sameBytes(Buffer.of(1, 2), Buffer.of(1))).toBe(false);
    expect(sameBytes(Buffer.of(), Buffer.of())).toBe(true);
  });
});

/** RFC 5869 with SHA-256 and no salt, for 32 bytes. */
function hkdf(key: Buffer, info: string): Buffer {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(key).digest();
  return createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest();
}
