import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { startApp, type TestApp } from '../../support/app.js';
import { Person } from '../../support/person.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

const daySeconds = 24 * 60 * 60;
const secret = (kid: string) => `${kid}:${randomBytes(32).toString('base64url')}`;

let folder: TemporaryFolder;
let app: TestApp;
let number = 0;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  app = await startApp();
});
afterEach(killParleyProcesses);
afterAll(async () => {
  await app?.close();
  await folder?.remove();
});

const newDataDir = () => {
  number += 1;
  return join(folder.path, `data-${number}`);
};

async function makeToken(args: readonly string[], env: NodeJS.ProcessEnv) {
  const command = ParleyProcess.cli(['token', ...args], { env, folder: folder.path });
  const code = await command.ended();
  return { code, stdout: command.stdout, token: command.stdout.trim(), stderr: command.stderr };
}

const configured = () => ({ DATA_DIR: newDataDir(), JWT_SECRETS: app.env.JWT_SECRETS });

describe('parley token', () => {
  it('prints nothing but a token on standard output, which a server with these secrets accepts', async () => {
    const claims = [
      '--sub',
      'grace',
      '--email',
      'grace@example.com',
      '--dept',
      'navy',
      '--role',
      'admin',
      '--role',
      'captain',
    ];
    const { code, stdout, token, stderr } = await makeToken(claims, configured());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(stderr).toMatch(/^For grace, grace@example\.com, navy, role admin, role captain; valid until \S+Z\.\n$/);
    expect(await new Person(app.url, token).data('{ viewer { email department roles } }')).toEqual({
      viewer: { email: 'grace@example.com', department: 'navy', roles: ['admin', 'captain'] },
    });
  });

  it('signs with the first of JWT_SECRETS and names it', async () => {
    const first = secret('new');
    const { token } = await makeToken([], { DATA_DIR: newDataDir(), JWT_SECRETS: `${first},${secret('old')}` });
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'HS256', kid: 'new' });
    await jwtVerify(token, Buffer.from(first.slice('new:'.length)), { issuer: 'parley', audience: 'parley' });
  });

  it.each([
    [[], 30],
    [['--days', '365'], 365],
    [['--days', '0.5'], 0.5],
  ])('with %j is valid for %d days', async (args, days) => {
    const { iat = 0, exp = 0 } = decodeJwt((await makeToken(args, configured())).token);
    expect(exp - iat).toBe(days * daySeconds);
  });

  it('carries the issuer and audience of the deployment', async () => {
    const { token } = await makeToken(['--sub', 'ada'], { ...configured(), JWT_ISSUER: 'us', JWT_AUDIENCE: 'them' });
    expect(decodeJwt(token)).toMatchObject({ iss: 'us', aud: 'them', sub: 'ada' });
  });

  it('says just what is given of somebody who is named', async () => {
    const { token } = await makeToken(['--sub', 'ada'], configured());
    expect(Object.keys(decodeJwt(token)).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'roles', 'sub']);
    expect(decodeJwt(token).roles).toEqual([]);
  });

  it('without secrets keeps one in DATA_DIR for its owner only, and signs with the same one again', async () => {
    const dataDir = newDataDir();
    const { token } = await makeToken([], { DATA_DIR: dataDir });
    const file = join(dataDir, 'jwt-secret');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = Buffer.from((await readFile(file, 'utf8')).trim());
    await jwtVerify(token, kept);
    await jwtVerify((await makeToken([], { DATA_DIR: dataDir })).token, kept);
  });

  it('is refused where a login makes the tokens', async () => {
    const env = { DATA_DIR: newDataDir(), JWT_JWKS_URL: 'https://login.example.com/jwks.json' };
    const { code, stdout, stderr } = await makeToken([], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^JWT_JWKS_URL is set, so tokens are made by your login.*\.\n$/);
  });

  it('where JWT_OWNER_CLAIM is email needs one', async () => {
    const env = { ...configured(), JWT_OWNER_CLAIM: 'email' };
    const { code, stderr } = await makeToken(['--sub', 'ada'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^JWT_OWNER_CLAIM is email.*--email\.\n$/);
    expect(decodeJwt((await makeToken(['--email', 'ada@example.com'], env)).token)).toMatchObject({
      sub: 'ada@example.com',
      email: 'ada@example.com',
    });
  });
});

describe('parley token in production', () => {
  it('needs JWT_SECRETS, and nothing else', async () => {
    const production = { NODE_ENV: 'production', DATA_DIR: newDataDir() };
    const refused = await makeToken(['--sub', 'ada'], production);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^JWT_SECRETS is not set.*\.\n$/);
    await expect(stat(production.DATA_DIR)).rejects.toThrow('ENOENT');
    const { code, token } = await makeToken(['--sub', 'ada'], { ...production, JWT_SECRETS: secret('one') });
    expect(code).toBe(0);
    expect(decodeJwt(token)).toMatchObject({ sub: 'ada' });
  });

  it('makes nobody an admin who was not named one', async () => {
    const { token } = await makeToken([], { ...configured(), NODE_ENV: 'production' });
    expect(decodeJwt(token)).toMatchObject({ sub: 'developer', roles: [] });
  });
});
