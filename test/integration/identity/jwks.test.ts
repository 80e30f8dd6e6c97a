import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { createTokenVerifier, type TokenVerifier } from '../../../src/identity/token.js';
import { atMost } from '../../support/at-most.js';
import { ManualClock } from '../../support/manual-clock.js';
import { until } from '../../support/until.js';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A login's JWKS address, which answers as it is told. */
class KeyServer {
  reads = 0;
  answer: { status: number; body: string } | 'silence' = { status: 200, body: '{"keys":[]}' };
  private constructor(private readonly server: Server) {}

  static async start(): Promise<KeyServer> {
    const server = createServer();
    const keys = new KeyServer(server);
    server.on('request', (_, response) => {
      keys.reads += 1;
      if (keys.answer !== 'silence') response.writeHead(keys.answer.status).end(keys.answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return keys;
  }

  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/jwks`;
  }

  async publish(...keys: SigningKey[]): Promise<void> {
    const jwks = keys.map(
      async ({ kid, alg, publicKey }): Promise<JWK> => ({ ...(await exportJWK(publicKey)), kid, alg }),
    );
    this.answer = { status: 200, body: JSON.stringify({ keys: await Promise.all(jwks) }) };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const rsa = (kid: string): SigningKey => ({
  kid,
  alg: 'RS256',
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
});
const ec = (kid: string): SigningKey => ({ kid, alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) });
const ed = (kid: string): SigningKey => ({ kid, alg: 'EdDSA', ...generateKeyPairSync('ed25519') });
const [oldKey, newKey] = [rsa('old'), rsa('new')];

let clock: ManualClock;
let keyServer: KeyServer;
let verifier: TokenVerifier;

function sign(key: SigningKey, header: { alg?: string; kid?: string | undefined } = {}): Promise<string> {
  const nowSeconds = Math.floor(clock.now() / 1000);
  return new SignJWT({ iss: 'login', aud: 'chat', sub: 'ada', iat: nowSeconds, exp: nowSeconds + 24 * 3600 })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey);
}

const refusal = (code: string) => expect.objectContaining({ extensions: expect.objectContaining({ code }) });

beforeEach(async () => {
  clock = new ManualClock();
  keyServer = await KeyServer.start();
  await keyServer.publish(oldKey);
  const options = { secrets: [], jwksUrl: keyServer.url, issuer: 'login', audience: 'chat' };
  verifier = createTokenVerifier({ ...options, ownerClaim: 'sub' }, clock);
});

afterEach(() => keyServer.stop());

describe('Tokens of a login with a JWKS address', () => {
  it.each([
    ['RSA', rsa('a')],
    ['elliptic curve', ec('a')],
    ['Ed25519', ed('a')],
  ])('are verified by %s keys', async (_, key) => {
    await keyServer.publish(key);
    expect(await verifier.verify(await sign(key))).toMatchObject({ issuer: 'login', subject: 'ada' });
  });

  it('cost one reading of the keys, also when many come at once', async () => {
    const token = await sign(oldKey);
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
    expect(keyServer.reads).toBe(1);
  });

  it('name their key where there is more than one', async () => {
    const unnamed = await sign(oldKey, { kid: undefined });
    expect(await verifier.verify(unnamed)).toMatchObject({ subject: 'ada' });
    await keyServer.publish(oldKey, ec('other'));
    await clock.advance(2 * 3600_000);
    await expect(verifier.verify(await sign(oldKey, { kid: undefined }))).rejects.toEqual(refusal('UNAUTHENTICATED'));
  });

  it('are not valid when they were signed with the public key as a secret', async () => {
    const secret = Buffer.from(oldKey.publicKey.export({ type: 'spki', format: 'pem' }));
    const payload = { iss: 'login', aud: 'chat', sub: 'ada', iat: clock.now() / 1000, exp: clock.now() / 1000 + 60 };
    const token = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: 'old' }).sign(secret);
    await expect(verifier.verify(token)).rejects.toEqual(refusal('UNAUTHENTICATED'));
  });

  it('are not valid under a key of another kind, or a foreign key of the same name', async () => {
    await expect(verifier.verify(await sign(ec('old')))).rejects.toEqual(refusal('UNAUTHENTICATED'));
    await expect(verifier.verify(await sign(rsa('old')))).rejects.toEqual(refusal('UNAUTHENTICATED'));
  });
});

describe('A rotation of keys', () => {
  it('is noticed when a token first names the new key', async () => {
    await verifier.verify(await sign(oldKey));
    await keyServer.publish(newKey, oldKey);
    await clock.advance(10_000);
    expect(await verifier.verify(await sign(newKey))).toMatchObject({ subject: 'ada' });
    expect(await verifier.verify(await sign(oldKey))).toMatchObject({ subject: 'ada' });
    expect(keyServer.reads).toBe(2);
  });

  it('ends the old key within ten minutes, and one more for tokens that were just proven', async () => {
    await verifier.verify(await sign(oldKey));
    await keyServer.publish(newKey);
    await clock.advance(10 * 60_000 + 1);
    await verifier.verify(await sign(oldKey));
    await until('the old key is refused', async () => {
      // What was proven while the keys were being read again counts for a minute.
      await clock.advance(60_000);
      return await verifier.verify(await sign(oldKey)).then(
        () => false,
        () => true,
      );
    });
    expect(await verifier.verify(await sign(newKey))).toMatchObject({ subject: 'ada' });
  });

  it('cannot be played to make the server read without end', async () => {
    await verifier.verify(await sign(oldKey));
    await clock.advance(10_000);
    for (let round = 0; round < 20; round += 1) {
      const stray = await sign(newKey, { kid: `stray-${round}` });
      await expect(verifier.verify(stray)).rejects.toEqual(refusal('UNAUTHENTICATED'));
    }
    expect(keyServer.reads).toBe(2);
  });
});

describe('A JWKS address that fails', () => {
  it.each([
    ['an error', { status: 503, body: '' }],
    ['a redirection', { status: 302, body: '' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no keys', { status: 200, body: '{}' }],
  ])('by %s is UNAVAILABLE, not the fault of the token', async (_, answer) => {
    keyServer.answer = answer;
    await expect(verifier.verify(await sign(oldKey))).rejects.toEqual(refusal('UNAVAILABLE'));
    await keyServer.publish(oldKey);
    await expect(verifier.verify(await sign(oldKey))).rejects.toEqual(refusal('UNAVAILABLE'));
    expect(keyServer.reads).toBe(1);
    await clock.advance(10_000);
    expect(await verifier.verify(await sign(oldKey))).toMatchObject({ subject: 'ada' });
  });

  it('by silence is UNAVAILABLE after 3 s', async () => {
    keyServer.answer = 'silence';
    const startMs = performance.now();
    await expect(verifier.verify(await sign(oldKey))).rejects.toEqual(refusal('UNAVAILABLE'));
    expect(performance.now() - startMs).toBeLessThan(atMost(6000));
  });

  it('leaves the known keys in service for an hour', async () => {
    const token = await sign(oldKey);
    await verifier.verify(token);
    keyServer.answer = { status: 500, body: '' };
    await clock.advance(59 * 60_000);
    expect(await verifier.verify(token)).toMatchObject({ subject: 'ada' });
    await until('the keys were asked for again', () => keyServer.reads === 2);
    await expect(verifier.verify(await sign(newKey))).rejects.toEqual(refusal('UNAVAILABLE'));
    await clock.advance(2 * 60_000);
    await expect(verifier.verify(token)).rejects.toEqual(refusal('UNAVAILABLE'));
  });
});
