import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What messages are found by. MAIN keeps the terms beside the rest of a row, where the newest messages are filtered by
 * them; of a row that grows too long the texts go elsewhere first. Messages that were written before have none: nothing
 * was released that wrote them.
 */
export class Search1795132800040 implements MigrationInterface {
  name = 'Search1795132800040';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE messages ADD COLUMN terms bigint[]');
    await runner.query('ALTER TABLE messages ALTER COLUMN terms SET STORAGE MAIN');
    await runner.query('CREATE INDEX messages_terms ON messages USING gin (terms) WITH (fastupdate = off)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
