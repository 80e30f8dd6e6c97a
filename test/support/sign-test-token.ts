import { createHmac } from 'node:crypto';

/** A token of the first of `secrets`; `claims` go over those that every token has. By hand, so that a test may sign what no library would. */
export function signTestToken(secrets: string, name: string, claims: object = {}): string {
  const [kid = '', secret = ''] = secrets.split(':');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const payload = { iss: 'parley', aud: 'parley', sub: name, iat: nowSeconds, exp: nowSeconds + 3600, ...claims };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ alg: 'HS256', kid })}.${encode(payload)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}
