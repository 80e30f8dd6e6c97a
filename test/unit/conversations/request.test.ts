import { describe, expect, it } from '@jest/globals';
import { readIdempotencyKey, requestFingerprint, requestKey } from '../../../src/conversations/request.js';
import { newDataKey, OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';

const keys = new OwnerKeys(newId(), [newDataKey(1)]);
const others = new OwnerKeys(newId(), [newDataKey(1)]);

describe('The fingerprint of a request', () => {
  const input = { title: 'One', metadata: { b: [1, { y: 1, x: 2 }], a: null } };
  const of = (mutation: string, value: object, owner = keys) =>
    requestFingerprint(owner, mutation, value).toString('hex');

  it('does not depend on the order of fields, nor on fields that were not given', () => {
    const same = { metadata: { a: null, b: [1, { x: 2, y: 1 }] }, title: 'One', model: undefined };
    expect(of('createConversation', same)).toBe(of('createConversation', input));
  });

  it.each([
    ['the mutation', 'sendMessage', input],
    ['a value', 'createConversation', { ...input, title: 'Two' }],
    ['null for nothing', 'createConversation', { ...input, model: null }],
    ['the order of a list', 'createConversation', { ...input, metadata: { b: [{ y: 1, x: 2 }, 1], a: null } }],
  ])('changes with %s', (_what, mutation, value) => {
    expect(of(mutation, value)).not.toBe(of('createConversation', input));
  });

  it('is another for every owner', () => {
    expect(of('createConversation', input, others)).not.toBe(of('createConversation', input));
  });
});

describe('An idempotency key', () => {
  it('is kept as a hash of the owner’s own', () => {
    expect(requestKey(keys, 'k')).toEqual(requestKey(keys, 'k'));
    expect(requestKey(keys, 'k')).not.toEqual(requestKey(keys, 'l'));
    expect(requestKey(keys, 'k')).not.toEqual(requestKey(others, 'k'));
  });

  it('is a new one of our own where the client gives none', () => {
    expect(requestKey(keys, null)).not.toEqual(requestKey(keys, null));
  });

  it('has 1 to 128 characters', () => {
    expect(readIdempotencyKey('input.idempotencyKey', null, 128)).toBeNull();
    expect(readIdempotencyKey('input.idempotencyKey', undefined, 128)).toBeNull();
    expect(readIdempotencyKey('input.idempotencyKey', 'k'.repeat(128), 128)).toHaveLength(128);
    for (const key of ['', 'k'.repeat(129)]) {
      expect(() => readIdempotencyKey('input.idempotencyKey', key, 128)).toThrow(
        expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field: 'input.idempotencyKey' } }),
      );
    }
  });
});
