import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config.js';
import { blamed, faultsOf, newSecret, production } from './environments.js';

describe('A weak secret', () => {
  it.each([
    ['one letter', 'x'.repeat(40)],
    ['a part over and over', 'aB3$kLm9Qz'.repeat(4)],
    ['a run of letters and digits', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a placeholder', 'please-change-me-before-going-live!!'],
    ['the word secret', 'my-super-secret-key-for-the-server-42'],
  ])('stops the start in production: %s', (_, secret) => {
    expect(blamed({ ...production(), JWT_SECRETS: `a:${secret}` })).toEqual(['JWT_SECRETS']);
    expect(faultsOf({ JWT_SECRETS: `a:${secret}` })).toEqual([]);
  });

  it.each([
    ['zeros', Buffer.alloc(32)],
    ['a count', Buffer.from(Array.from({ length: 32 }, (_, index) => index))],
    ['a typed text', Buffer.from('Tr0ub4dor&3-correct-horse-batter')],
  ])('stops the start in production as an encryption key too: %s', (_, key) => {
    const env = { ENCRYPTION_KEYS: `one:${key.toString('base64')}` };
    expect(blamed({ ...production(), ...env })).toEqual(['ENCRYPTION_KEYS']);
    expect(faultsOf(env)).toEqual([]);
  });

  it('is never one of random bytes, in base64 or hex', () => {
    for (let round = 0; round < 500; round += 1) {
      const env = {
        ...production(),
        JWT_SECRETS: `a:${randomBytes(32).toString('hex')},b:${randomBytes(24).toString('base64url')},c:${newSecret()}`,
      };
      expect(faultsOf(env)).toEqual([]);
    }
  });
});

describe('Faults in secrets', () => {
  it.each([
    ['no name', newSecret()],
    ['two of one name', `a:${newSecret()},a:${newSecret()}`],
    ['a blank entry', `a:${newSecret()},`],
    ['a name with a space', `a b:${newSecret()}`],
    ['31 bytes', `a:${'é'.repeat(15)}x`],
  ])('include secrets with %s', (_, value) => {
    expect(blamed({ JWT_SECRETS: value })).toEqual(['JWT_SECRETS']);
  });

  it.each([
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['hex', randomBytes(32).toString('hex')],
    ['base64 with a stray letter', `${newSecret().slice(0, -1)}*`],
  ])('include an encryption key of %s', (_, value) => {
    expect(blamed({ ENCRYPTION_KEYS: `one:${value}` })).toEqual(['ENCRYPTION_KEYS']);
  });
});

describe('Secrets and keys', () => {
  it('are read in their order, and a secret may hold a colon', () => {
    const [first, second] = [`x:${newSecret()}`, newSecret()];
    const { secrets } = loadConfig({ JWT_SECRETS: ` k1:${first} , k2:${second}\n` }).tokens;
    expect(secrets).toEqual([
      { kid: 'k1', secret: Buffer.from(first) },
      { kid: 'k2', secret: Buffer.from(second) },
    ]);
  });

  it('are decoded from base64 with or without its padding', () => {
    const key = randomBytes(32);
    const text = key.toString('base64');
    const { encryptionKeys } = loadConfig({ ENCRYPTION_KEYS: `new:${text},old:${text.replace('=', '')}` });
    expect(encryptionKeys).toEqual([
      { id: 'new', key },
      { id: 'old', key },
    ]);
  });
});
