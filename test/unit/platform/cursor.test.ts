import { describe, expect, it } from '@jest/globals';
import { decodeCursor, encodeCursor } from '../../../src/platform/cursor.js';
import { newDataKey, OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';

const keys = new OwnerKeys(newId(), [newDataKey(1)]);
const conversation = newId();
const values = ['2026-11-20T12:00:00.000Z', newId(), 42];
const cursor = encodeCursor(keys, 'message', conversation, values);

const refused = expect.objectContaining({
  name: 'ParleyError',
  extensions: { code: 'BAD_USER_INPUT', field: 'after' },
});
const expectRefused = (given: string, kind: 'message' | 'answer' = 'message', object = conversation, by = keys) =>
  expect(() => decodeCursor(by, kind, object, given, 'after')).toThrow(refused);

describe('A cursor', () => {
  it('gives back what was put in, and fits into an address', () => {
    expect(decodeCursor(keys, 'message', conversation, cursor, 'after')).toEqual(values);
    expect(cursor).toMatch(/^[\w-]+$/);
  });

  it('is the same for the same place, so that caches may compare them', () => {
    expect(encodeCursor(keys, 'message', conversation, values)).toBe(cursor);
  });

  it('of another kind, object or owner is BAD_USER_INPUT', () => {
    expectRefused(cursor, 'answer');
    expectRefused(cursor, 'message', newId());
    expectRefused(cursor, 'message', conversation, new OwnerKeys(keys.ownerId, [newDataKey(1)]));
  });

  it('with any bit flipped is BAD_USER_INPUT', () => {
    const bytes = Buffer.from(cursor, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      const at = Math.floor(bit / 8);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
      expectRefused(flipped.toString('base64url'));
    }
  });

  it('cut anywhere is BAD_USER_INPUT', () => {
    for (let length = 0; length < cursor.length; length += 1) {
      expectRefused(cursor.slice(0, length));
      expectRefused(cursor.slice(cursor.length - length));
    }
  });

  it.each([
    ['a space behind it', ` ${cursor}`],
    ['a line break behind it', `${cursor}\n`],
    ['padding', `${cursor}==`],
    ['a character that is not of its alphabet', `${cursor}*`],
    ['more of it', `${cursor}AAAA`],
    ['itself again', cursor + cursor],
  ])('with %s is BAD_USER_INPUT: there is one way to write it', (_what, given) => {
    expectRefused(given);
  });

  it.each(['', 'x', '0', 'null', '[]', 'AQ', '%', '日本語', '\ud800', 'A'.repeat(1_000_000)])(
    'made up (%.20s) is BAD_USER_INPUT',
    (given) => expectRefused(given),
  );

  it('without its proof is BAD_USER_INPUT', () => {
    const payload = Buffer.from(JSON.stringify(values));
    expectRefused(Buffer.concat([Buffer.of(1), payload]).toString('base64url'));
    expectRefused(Buffer.concat([Buffer.of(1), Buffer.alloc(8), payload]).toString('base64url'));
  });
});
