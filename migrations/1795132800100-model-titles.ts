import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a model has written a conversation's automatic title: it does so once. */
export class ModelTitles1795132800100 implements MigrationInterface {
  name = 'ModelTitles1795132800100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE conversations ADD COLUMN titled_by_model boolean NOT NULL DEFAULT false');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
