import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { post } from '../../support/http-client.js';
import { patience } from '../../support/patience.js';
import { Person } from '../../support/person.js';
import { SqlClient, uuidOf } from '../../support/sql-client.js';

let app: TestApp;
let other: TestApp;
let sql: SqlClient;

beforeAll(async () => {
  app = await startApp({ env: { LIMITS: patience } });
  other = await startApp({ beside: app });
  sql = await SqlClient.connect(app.database.url);
});

afterAll(async () => {
  await sql?.close();
  await other?.close();
  await app?.close();
});

const who = 'query { viewer { id email department roles } }';
const idOf = async (person: Person) => (await person.data<{ viewer: { id: string } }>(who)).viewer.id;
const someone = (claims: object, name = randomUUID()) => new Person(app.url, app.token(name, claims));

describe('A person', () => {
  it('seen for the first time by 50 requests at once, over two instances, is one owner with one key', async () => {
    const name = randomUUID();
    const people = Array.from({ length: 50 }, (_, index) => (index % 2 ? app : other).person(name));
    const ids = await Promise.all(people.map(idOf));
    expect(new Set(ids).size).toBe(1);
    expect(await sql.rows('SELECT id FROM users WHERE subject = $1', [name])).toEqual([{ id: uuidOf(ids[0] ?? '') }]);
    const keys = await sql.rows('SELECT key_id FROM keys.data_keys WHERE user_id = $1', [uuidOf(ids[0] ?? '')]);
    expect(keys).toEqual([{ key_id: 1 }]);
    const id = await create(app.person(name), { title: 'Seen by both' });
    const read = 'query ($id: ID!) { conversation(id: $id) { title } }';
    expect(await other.person(name).data(read, { id })).toEqual({ conversation: { title: 'Seen by both' } });
  });

  it('is the same at every instance and after a restart', async () => {
    const name = randomUUID();
    const id = await idOf(app.person(name));
    expect(await idOf(other.person(name))).toBe(id);
    const later = await startApp({ beside: app });
    try {
      expect(await idOf(later.person(name))).toBe(id);
    } finally {
      await later.close();
    }
  });

  it('whose first sight was cut short before the key was made gets one at the next', async () => {
    const name = randomUUID();
    const id = randomUUID();
    await sql.rows("INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, 'parley', $2, now())", [id, name]);
    expect(uuidOf(await idOf(app.person(name)))).toBe(id);
    await create(app.person(name), { title: 'It can be sealed' });
  });

  it('costs no statement when seen again a moment later', async () => {
    const ada = app.person();
    await idOf(ada);
    expect(await app.statementsOf(() => idOf(ada))).toEqual([]);
  });

  it('is told apart by letter case, spaces and Unicode forms of the subject', async () => {
    const names = ['Zoë', 'Zoe\u0308', 'zoë', 'Zoë ', ' Zoë', 'Z'.repeat(255)];
    const ids = await Promise.all(names.map((name) => idOf(app.person(`${name}`))));
    expect(new Set(ids).size).toBe(names.length);
  });

  it('is who the token says now: email, department and roles are read from it, and not stored', async () => {
    const name = randomUUID();
    const claims = { email: 'ada@example.com', dept: 'Engines', roles: ['admin'] };
    const first = await someone(claims, name).data<{ viewer: object }>(who);
    expect(first.viewer).toMatchObject({ email: 'ada@example.com', department: 'Engines', roles: ['admin'] });
    const second = await someone({}, name).data<{ viewer: object }>(who);
    expect(second.viewer).toMatchObject({ email: null, department: null, roles: [] });
    const columns = await sql.rows('SELECT * FROM users WHERE subject = $1', [name]);
    expect(JSON.stringify(columns)).not.toContain('example.com');
  });
});

describe('Owners by email', () => {
  it('are one for a mailbox, however the login writes it', async () => {
    const byEmail = await startApp({ beside: app, env: { JWT_OWNER_CLAIM: 'email' } });
    try {
      const mail = `Ada.${randomUUID()}@Example.com`;
      const idBy = (email: string, sub: string) => idOf(new Person(byEmail.url, byEmail.token(sub, { email })));
      const ids = [await idBy(mail, 'one'), await idBy(mail.toLowerCase(), 'two'), await idBy(mail.toUpperCase(), 'x')];
      expect(new Set(ids).size).toBe(1);
      const { status, json } = await post(
        `${byEmail.url}/graphql`,
        { query: who },
        { authorization: `Bearer ${byEmail.token('one')}` },
      );
      expect([status, json?.errors?.[0]?.extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
    } finally {
      await byEmail.close();
    }
  });
});
