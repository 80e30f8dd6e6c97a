import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KeyedHash } from '../../../src/platform/keyed-hash.js';
import { fc } from '../../support/fast-check.js';

describe('A keyed hash', () => {
  it('is the HMAC-SHA256 that node:crypto makes, one text after the other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 64 }), fc.array(fc.string({ unit: 'binary' })), (keyBytes, texts) => {
        const key = randomBytes(keyBytes);
        const keyed = new KeyedHash(key);
        for (const text of texts) {
          expect(keyed.digest(text)).toEqual(createHmac('sha256', key).update(text).digest());
        }
      }),
    );
  });

  it('refuses a key that would have to be hashed itself first', () => {
    expect(() => new KeyedHash(randomBytes(65))).toThrow('longer than its block');
  });
});
