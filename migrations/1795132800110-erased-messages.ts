import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a message's text was taken back, and what goes with it: a title that a model made of it. */
export class ErasedMessages1795132800110 implements MigrationInterface {
  name = 'ErasedMessages1795132800110';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE messages ADD COLUMN erased_at timestamptz(3)');
    await runner.query('ALTER TABLE conversations ADD COLUMN title_answer_id uuid');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
