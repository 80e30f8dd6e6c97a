import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was done, in chains that nobody may change, not even whoever may write to the table. */
export class Audit1795132800031 implements MigrationInterface {
  name = 'Audit1795132800031';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of statements) await runner.query(sql);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}

const statements = [
  `CREATE TABLE audit_events (
    chain bytea NOT NULL,
    number bigint NOT NULL,
    id uuid NOT NULL,
    at timestamptz(3) NOT NULL,
    action text NOT NULL,
    target_id text,
    details jsonb NOT NULL,
    previous_hash bytea,
    hash bytea NOT NULL,
    CONSTRAINT audit_events_pkey PRIMARY KEY (chain, number)
  )`,
  'CREATE UNIQUE INDEX audit_events_by_id ON audit_events (chain, id)',
  `CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'restrict_violation';
   END $$`,
  `CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
   FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay()`,
];
