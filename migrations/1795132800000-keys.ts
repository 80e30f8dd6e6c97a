import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The owners' wrapped data keys, in a schema of their own; it may stand in a database of its own too. */
export class Keys1795132800000 implements MigrationInterface {
  name = 'Keys1795132800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS keys');
    await runner.query(`CREATE TABLE keys.data_keys (
      user_id uuid NOT NULL,
      key_id integer NOT NULL,
      kek_id text NOT NULL,
      wrapped bytea NOT NULL,
      created_at timestamptz(3) NOT NULL,
      CONSTRAINT data_keys_pkey PRIMARY KEY (user_id, key_id)
    )`);
    await runner.query('CREATE INDEX data_keys_by_kek ON keys.data_keys (kek_id, user_id, key_id)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
