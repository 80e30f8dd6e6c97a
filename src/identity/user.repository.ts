import { type Querier, statement } from '../platform/database.js';
import { newId } from '../platform/ids.js';

export interface UserRow {
  readonly id: string;
}

const findStatement = statement('users.find', 'SELECT id FROM users WHERE issuer = $1 AND subject = $2');

const insertStatement = statement(
  'users.insert',
  `INSERT INTO users (id, issuer, subject, created_at) VALUES ($1, $2, $3, now())
   ON CONFLICT (issuer, subject) DO NOTHING RETURNING id`,
);

export async function findUser(querier: Querier, issuer: string, subject: string): Promise<UserRow | null> {
  const [row] = await querier.query<UserRow>(findStatement, [issuer, subject]);
  return row ?? null;
}

/** The row that was made; null where somebody else made it first. */
export async function insertUser(querier: Querier, issuer: string, subject: string): Promise<UserRow | null> {
  const [row] = await querier.query<UserRow>(insertStatement, [newId(), issuer, subject]);
  return row ?? null;
}
