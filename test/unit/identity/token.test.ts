import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { ParleyError } from '../../../src/errors.js';
import { bearerToken, createTokenVerifier, signToken, type TokenVerifierOptions } from '../../../src/identity/token.js';
import { ManualClock } from '../../support/manual-clock.js';

const clock = new ManualClock();
const nowSeconds = () => Math.floor(clock.now() / 1000);
const newSecret = (kid: string) => ({ kid, secret: randomBytes(64) });
const first = newSecret('first');
const second = newSecret('second');

const options: TokenVerifierOptions = {
  secrets: [first],
  jwksUrl: null,
  issuer: 'parley',
  audience: 'parley',
  ownerClaim: 'sub',
};
const verifier = createTokenVerifier(options, clock);
const twoSecrets = createTokenVerifier({ ...options, secrets: [first, second] }, clock);
const byEmail = createTokenVerifier({ ...options, ownerClaim: 'email' }, clock);

const goodClaims = () => ({ iss: 'parley', aud: 'parley', sub: 'ada', iat: nowSeconds(), exp: nowSeconds() + 60 });

/** Signs anything: jose would refuse some of what is tried here. */
function sign(
  payload: object,
  header: object = { alg: 'HS256', kid: 'first' },
  secret = first.secret,
  hash = 'sha256',
): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode(header)}.${encode(payload)}`;
  return `${body}.${createHmac(hash, secret).update(body).digest('base64url')}`;
}

async function refusalOf(verifying: Promise<unknown>): Promise<ParleyError> {
  const error: unknown = await verifying.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ParleyError) return error;
  throw new Error(`It was not refused as it should be: ${String(error)}`);
}

const expectNotValid = async (token: string, by = verifier) => {
  const refusal = await refusalOf(by.verify(token));
  expect(refusal.code).toBe('UNAUTHENTICATED');
  expect(refusal.message).toBe('The token is not valid here; get a new one.');
};

describe('A verified token', () => {
  it('says who it is, and until when', async () => {
    const token = sign({ ...goodClaims(), email: 'Ada@example.com', dept: 'Engines', roles: ['admin', 'user'] });
    expect(await verifier.verify(token)).toEqual({
      issuer: 'parley',
      subject: 'ada',
      email: 'Ada@example.com',
      department: 'Engines',
      roles: ['admin', 'user'],
      issuedAtMs: nowSeconds() * 1000,
      expiresAtMs: (nowSeconds() + 60) * 1000,
    });
  });

  it('says null for what it leaves out, and no roles', async () => {
    expect(await verifier.verify(sign(goodClaims()))).toMatchObject({ email: null, department: null, roles: [] });
    expect(await verifier.verify(sign({ ...goodClaims(), email: null, dept: null, roles: null }))).toMatchObject({
      email: null,
      department: null,
      roles: [],
    });
  });

  it('may be meant for several audiences, and have been made without a kid where there is one secret', async () => {
    const token = sign({ ...goodClaims(), aud: ['other', 'parley'] }, { alg: 'HS256' });
    expect(await verifier.verify(token)).toMatchObject({ subject: 'ada' });
  });

  it('is signed with any of several secrets, which it names', async () => {
    for (const { kid, secret } of [first, second]) {
      expect(await twoSecrets.verify(sign(goodClaims(), { alg: 'HS256', kid }, secret))).toMatchObject({
        subject: 'ada',
      });
    }
    await expectNotValid(sign(goodClaims(), { alg: 'HS256' }), twoSecrets);
    await expectNotValid(sign(goodClaims(), { alg: 'HS256', kid: 'second' }), twoSecrets);
    await expectNotValid(sign(goodClaims(), { alg: 'HS256', kid: 'third' }), twoSecrets);
    await expectNotValid(sign(goodClaims(), { alg: 'HS256', kid: 'second' }));
  });
});

describe('Time in a token', () => {
  it('has 5 s of tolerance at its end, and then the token has expired', async () => {
    expect(await verifier.verify(sign({ ...goodClaims(), exp: nowSeconds() - 4 }))).toMatchObject({ subject: 'ada' });
    const refusal = await refusalOf(verifier.verify(sign({ ...goodClaims(), exp: nowSeconds() - 5 })));
    expect(refusal.extensions).toEqual({ code: 'UNAUTHENTICATED' });
    expect(refusal.message).toBe('The token has expired; get a new one.');
  });

  it('ends it also where it was proven a moment ago', async () => {
    const token = sign({ ...goodClaims(), exp: nowSeconds() + 10 });
    expect(await verifier.verify(token)).toMatchObject({ subject: 'ada' });
    await clock.advance(14_999);
    expect(await verifier.verify(token)).toMatchObject({ subject: 'ada' });
    await clock.advance(1);
    expect((await refusalOf(verifier.verify(token))).message).toBe('The token has expired; get a new one.');
  });

  it('has 5 s of tolerance at its beginning', async () => {
    const at = (seconds: number) => ({ ...goodClaims(), iat: nowSeconds() + seconds, exp: nowSeconds() + 99 });
    expect(await verifier.verify(sign(at(5)))).toMatchObject({ subject: 'ada' });
    await expectNotValid(sign(at(6)));
    await expectNotValid(sign({ ...goodClaims(), nbf: nowSeconds() + 6 }));
  });

  it.each([
    ['no exp', { exp: undefined }],
    ['no iat', { iat: undefined }],
    ['a text for exp', { exp: '9999999999' }],
    ['a text for iat', { iat: '1' }],
    ['an exp that no clock reaches', { exp: 1e300 }],
  ])('is not valid with %s', async (_, claims) => {
    await expectNotValid(sign({ ...goodClaims(), ...claims }));
  });
});

describe('A token is not valid', () => {
  it.each([
    ['another issuer', { iss: 'other' }],
    ['a list of issuers', { iss: ['parley'] }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'parley2' }],
    ['no audience', { aud: undefined }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a number for its subject', { sub: 42 }],
    ['a subject of 256 characters', { sub: 'a'.repeat(256) }],
    ['NUL in its subject', { sub: 'a\0b' }],
    ['half a surrogate pair in its subject', { sub: 'a\ud83d' }],
    ['a number for its email', { email: 1 }],
    ['a list for its department', { dept: ['Engines'] }],
    ['a text for its roles', { roles: 'admin' }],
    ['a number among its roles', { roles: ['admin', 1] }],
  ])('with %s', async (_, claims) => {
    await expectNotValid(sign({ ...goodClaims(), ...claims }));
  });
});

describe('A token is not valid either', () => {
  it('with white space, too many parts or another form around a good one', async () => {
    const token = sign(goodClaims());
    const [header, , signature] = token.split('.');
    const forms = [
      `${token}\n`,
      ` ${token}`,
      `${token}=`,
      `${token}.`,
      `${token}.x`,
      `${header}.${signature}`,
      '',
      '..',
    ];
    for (const form of forms) await expectNotValid(form);
  });

  it('when it is longer than 8 KiB', async () => {
    await expectNotValid(sign({ ...goodClaims(), padding: 'x'.repeat(8192) }));
    expect(await verifier.verify(sign({ ...goodClaims(), padding: 'x'.repeat(5000) }))).toMatchObject({
      subject: 'ada',
    });
  });

  it('without a signature, or under another algorithm', async () => {
    const unsigned = sign(goodClaims(), { alg: 'none' }).replace(/[^.]*$/, '');
    await expectNotValid(unsigned);
    await expectNotValid(`${unsigned}AA`);
    await expectNotValid(sign(goodClaims(), { alg: 'None', kid: 'first' }));
    await expectNotValid(sign(goodClaims(), { alg: 'HS512', kid: 'first' }, first.secret, 'sha512'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await expectNotValid(
      await new SignJWT(goodClaims()).setProtectedHeader({ alg: 'RS256', kid: 'first' }).sign(privateKey),
    );
  });

  it('when one bit of it was changed', async () => {
    const token = sign(goodClaims());
    const at = token.indexOf('.') + 5;
    await expectNotValid(token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1));
    await expectNotValid(sign(goodClaims(), undefined, randomBytes(32)));
    await expectNotValid(sign(goodClaims(), { alg: 'HS256', kid: 7 }));
    await expectNotValid(sign(goodClaims(), { alg: 'HS256', kid: 'first', crit: ['exp'] }));
  });

  it('and what is refused is in no error: neither the token nor its claims', async () => {
    const canary = 'canary-7zq';
    for (const claims of [
      { sub: 1, name: canary },
      { iss: canary },
      { email: `${canary}\0` },
      { exp: 1, sub: canary },
    ]) {
      const token = sign({ ...goodClaims(), ...claims });
      const refusal = await refusalOf(verifier.verify(token));
      const said = [refusal, refusal.cause].map((error) => JSON.stringify(Object.getOwnPropertyDescriptors(error)));
      expect(said.join()).not.toContain(canary);
      expect(said.join()).not.toContain(token.split('.')[1]);
    }
  });
});

describe('An owner known by email', () => {
  const claims = () => ({ ...goodClaims(), sub: undefined });

  it('is one and the same however the address is written', async () => {
    const composed = await byEmail.verify(sign({ ...claims(), email: 'Zo\u00eb@Example.COM' }));
    const decomposed = await byEmail.verify(
      sign({ ...claims(), email: 'zoe\u0308@example.com', email_verified: true }),
    );
    expect(composed.subject).toBe('zo\u00eb@example.com');
    expect(decomposed.subject).toBe(composed.subject);
    expect(composed.email).toBe('Zo\u00eb@Example.COM');
  });

  it.each([
    ['no email', {}],
    ['an address that was not verified', { email: 'ada@example.com', email_verified: false }],
    ['one that was not verified, said in words', { email: 'ada@example.com', email_verified: 'false' }],
    ['something without @', { email: 'ada' }],
    ['white space', { email: 'ada @example.com' }],
  ])('is not known by %s', async (_, more) => {
    await expectNotValid(sign({ ...claims(), ...more }), byEmail);
  });
});

describe('Authorization', () => {
  it('is Bearer, in any case, and one token', () => {
    expect(bearerToken('Bearer a.b.c')).toBe('a.b.c');
    expect(bearerToken('bearer  a.b.c')).toBe('a.b.c');
  });

  it.each([
    undefined,
    null,
    7,
    '',
    'Bearer',
    'Bearer ',
    'a.b.c',
    'Basic a.b.c',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer a\n',
    'Bearera',
  ])('is refused as %j', (header) => {
    expect(() => bearerToken(header)).toThrow(expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED' } }));
  });
});

describe('A development token', () => {
  it('is signed with the first secret, named in it, and lives 30 days', async () => {
    const token = await signToken(
      { secret: first, issuer: 'parley', audience: 'parley', subject: 'dev', roles: ['admin'] },
      clock,
    );
    const claims = await twoSecrets.verify(token);
    expect(claims).toMatchObject({ subject: 'dev', email: null, roles: ['admin'] });
    expect(claims.expiresAtMs - claims.issuedAtMs).toBe(30 * 24 * 60 * 60_000);
  });

  it('can be made for another person and time', async () => {
    const person = { subject: 'eve', email: 'eve@example.com', department: 'Law', ttlMs: 1500 };
    const claims = await verifier.verify(
      await signToken({ secret: first, issuer: 'parley', audience: 'parley', ...person }, clock),
    );
    expect(claims).toMatchObject({ subject: 'eve', email: 'eve@example.com', department: 'Law' });
    expect(claims.expiresAtMs - claims.issuedAtMs).toBe(2000);
  });
});
