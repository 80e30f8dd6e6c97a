import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Temporary conversations, which lists leave out, and days of inactivity after which the others are deleted. */
export class Retention1795132800030 implements MigrationInterface {
  name = 'Retention1795132800030';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of statements) await runner.query(sql);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}

const statements = [
  'ALTER TABLE users ADD COLUMN retention_days integer',
  'CREATE INDEX users_with_retention ON users (id) WHERE retention_days IS NOT NULL',
  'ALTER TABLE conversations ADD COLUMN expires_at timestamptz(3)',
  'DROP INDEX conversations_by_activity',
  `CREATE INDEX conversations_by_activity ON conversations (owner_id, archived, updated_at, id)
    WHERE deleted_at IS NULL AND expires_at IS NULL`,
  'DROP INDEX conversations_pinned',
  `CREATE INDEX conversations_pinned ON conversations (owner_id, archived, updated_at, id)
    WHERE pinned AND deleted_at IS NULL AND expires_at IS NULL`,
  `CREATE INDEX conversations_expiring ON conversations (expires_at, owner_id, id)
    WHERE deleted_at IS NULL AND expires_at IS NOT NULL`,
];
