import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People, conversations as trees of messages on segments, and answers while they are written. */
export class Foundation1795132800001 implements MigrationInterface {
  name = 'Foundation1795132800001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of statements) await runner.query(sql);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}

const statements = [
  `CREATE TABLE users (
    id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    erasing_at timestamptz(3),
    created_at timestamptz(3) NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_issuer_subject UNIQUE (issuer, subject)
  )`,

  `CREATE TABLE conversations (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    sealed_title bytea,
    sealed_automatic_title bytea,
    sealed_system_prompt bytea,
    sealed_metadata bytea,
    model text,
    pinned boolean NOT NULL,
    archived boolean NOT NULL,
    revision integer NOT NULL,
    branch_revision integer NOT NULL,
    last_position integer NOT NULL,
    leaf_id uuid,
    leaf_position integer NOT NULL,
    leaf_segment integer NOT NULL,
    message_count integer NOT NULL,
    deleted_at timestamptz(3),
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    CONSTRAINT conversations_pkey PRIMARY KEY (owner_id, id),
    CONSTRAINT conversations_owner_fkey FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE CASCADE
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX conversations_by_activity ON conversations (owner_id, archived, updated_at, id)
    WHERE deleted_at IS NULL`,
  `CREATE INDEX conversations_pinned ON conversations (owner_id, archived, updated_at, id)
    WHERE pinned AND deleted_at IS NULL`,
  'CREATE INDEX conversations_deleted ON conversations (deleted_at) WHERE deleted_at IS NOT NULL',

  `CREATE TABLE conversation_titles (
    owner_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    terms bytea[] NOT NULL,
    CONSTRAINT conversation_titles_pkey PRIMARY KEY (owner_id, conversation_id),
    CONSTRAINT conversation_titles_conversation_fkey FOREIGN KEY (owner_id, conversation_id)
      REFERENCES conversations (owner_id, id) ON DELETE CASCADE
  )`,
  'CREATE INDEX conversation_titles_terms ON conversation_titles USING gin (terms) WITH (fastupdate = off)',

  `CREATE TABLE requests (
    owner_id uuid NOT NULL,
    key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    made jsonb NOT NULL,
    created_at timestamptz(3) NOT NULL,
    CONSTRAINT requests_pkey PRIMARY KEY (owner_id, key),
    CONSTRAINT requests_owner_fkey FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE CASCADE
  )`,
  'CREATE INDEX requests_by_age ON requests (created_at)',

  `CREATE TABLE segments (
    owner_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    first_position integer NOT NULL,
    parent_segment integer,
    fork_position integer,
    visible_to integer,
    CONSTRAINT segments_pkey PRIMARY KEY (owner_id, conversation_id, first_position),
    CONSTRAINT segments_conversation_fkey FOREIGN KEY (owner_id, conversation_id)
      REFERENCES conversations (owner_id, id) ON DELETE CASCADE
  )`,
  `CREATE INDEX segments_visible ON segments (owner_id, conversation_id, first_position)
    WHERE visible_to IS NOT NULL`,
  'CREATE INDEX segments_by_parent ON segments (owner_id, conversation_id, parent_segment, fork_position)',

  `CREATE TABLE messages (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    parent_id uuid,
    segment integer NOT NULL,
    position integer NOT NULL,
    depth integer NOT NULL,
    revision integer NOT NULL,
    role text NOT NULL,
    status text NOT NULL,
    sealed_content bytea,
    sealed_reasoning bytea,
    sealed_metadata bytea,
    sealed_idempotency_key bytea,
    model text,
    token_estimate integer NOT NULL,
    finish_reason text,
    error_code text,
    error_message text,
    error_retryable boolean,
    prompt_tokens integer,
    completion_tokens integer,
    cost_micro_usd integer,
    first_token_ms integer,
    latency_ms integer,
    rating text,
    sealed_rating_comment bytea,
    created_at timestamptz(3) NOT NULL,
    completed_at timestamptz(3),
    CONSTRAINT messages_pkey PRIMARY KEY (owner_id, id),
    CONSTRAINT messages_conversation_fkey FOREIGN KEY (owner_id, conversation_id)
      REFERENCES conversations (owner_id, id) ON DELETE CASCADE,
    CONSTRAINT messages_role_check CHECK (role IN ('SYSTEM', 'USER', 'ASSISTANT', 'TOOL')),
    CONSTRAINT messages_status_check
      CHECK (status IN ('STREAMING', 'COMPLETE', 'CANCELLED', 'INTERRUPTED', 'FAILED')),
    CONSTRAINT messages_rating_check CHECK (rating IN ('UP', 'DOWN'))
  )`,
  'CREATE UNIQUE INDEX messages_position ON messages (owner_id, conversation_id, position)',
  'CREATE INDEX messages_by_segment ON messages (owner_id, conversation_id, segment, position)',
  'CREATE INDEX messages_by_revision ON messages (owner_id, conversation_id, revision, position)',
  'CREATE INDEX messages_by_parent ON messages (owner_id, conversation_id, parent_id)',

  `CREATE TABLE answer_runs (
    owner_id uuid NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    run_id uuid NOT NULL,
    instance text NOT NULL,
    lease_until timestamptz(3) NOT NULL,
    suspect_since timestamptz(3),
    cancel_requested boolean NOT NULL,
    chunks integer NOT NULL,
    durable_content integer NOT NULL,
    durable_reasoning integer NOT NULL,
    CONSTRAINT answer_runs_pkey PRIMARY KEY (owner_id, message_id),
    CONSTRAINT answer_runs_message_fkey FOREIGN KEY (owner_id, message_id)
      REFERENCES messages (owner_id, id) ON DELETE CASCADE
  )`,
  'CREATE UNIQUE INDEX answer_runs_conversation ON answer_runs (owner_id, conversation_id)',
  'CREATE INDEX answer_runs_lease ON answer_runs (lease_until)',

  `CREATE TABLE answer_chunks (
    owner_id uuid NOT NULL,
    message_id uuid NOT NULL,
    number integer NOT NULL,
    content_offset integer NOT NULL,
    reasoning_offset integer NOT NULL,
    sealed bytea NOT NULL,
    CONSTRAINT answer_chunks_pkey PRIMARY KEY (owner_id, message_id, number)
  )`,
];
