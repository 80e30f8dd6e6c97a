import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What answers used: per day, per conversation, and what those that are being written may still use. */
export class Usage1795132800020 implements MigrationInterface {
  name = 'Usage1795132800020';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of statements) await runner.query(sql);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}

const sums = `
  count(*) AS answers,
  coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
  coalesce(sum(completion_tokens), 0) AS completion_tokens,
  coalesce(sum(cost_micro_usd), 0) AS cost_micro_usd,
  count(*) FILTER (
    WHERE prompt_tokens IS NULL OR completion_tokens IS NULL OR cost_micro_usd IS NULL
  ) AS unreported_answers`;
const finished = `messages WHERE role = 'ASSISTANT' AND status <> 'STREAMING'`;

const statements = [
  `CREATE TABLE usage_days (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    model text NOT NULL,
    department text NOT NULL,
    answers integer NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    unreported_answers integer NOT NULL,
    estimated_tokens bigint NOT NULL,
    estimated_cost_micro_usd bigint NOT NULL,
    CONSTRAINT usage_days_pkey PRIMARY KEY (owner_id, day, model, department),
    CONSTRAINT usage_days_owner_fkey FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE CASCADE
  )`,
  'CREATE INDEX usage_days_by_day ON usage_days (day)',

  `ALTER TABLE conversations
    ADD COLUMN used_answers integer NOT NULL DEFAULT 0,
    ADD COLUMN used_prompt_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN used_completion_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN used_cost_micro_usd bigint NOT NULL DEFAULT 0,
    ADD COLUMN unreported_answers integer NOT NULL DEFAULT 0,
    ADD COLUMN token_estimate bigint NOT NULL DEFAULT 0`,

  `ALTER TABLE answer_runs
    ADD COLUMN department text,
    ADD COLUMN reserved_prompt_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN reserved_completion_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN reserved_prompt_micro_usd integer NOT NULL DEFAULT 0,
    ADD COLUMN reserved_completion_micro_usd integer NOT NULL DEFAULT 0`,

  // What was used before it was counted; nobody's department is known any more.
  `INSERT INTO usage_days (owner_id, day, model, department, answers, prompt_tokens, completion_tokens,
     cost_micro_usd, unreported_answers, estimated_tokens, estimated_cost_micro_usd)
   SELECT owner_id, day, model, '', answers, prompt_tokens, completion_tokens, cost_micro_usd, unreported_answers, 0, 0
   FROM (
     SELECT owner_id, (completed_at AT TIME ZONE 'UTC')::date AS day, coalesce(model, '') AS model, ${sums}
     FROM ${finished} AND completed_at IS NOT NULL
     GROUP BY 1, 2, 3
   ) AS used`,
  `UPDATE conversations
   SET used_answers = used.answers, used_prompt_tokens = used.prompt_tokens,
     used_completion_tokens = used.completion_tokens, used_cost_micro_usd = used.cost_micro_usd,
     unreported_answers = used.unreported_answers
   FROM (SELECT owner_id, conversation_id, ${sums} FROM ${finished} GROUP BY 1, 2) AS used
   WHERE conversations.owner_id = used.owner_id AND conversations.id = used.conversation_id`,
  `UPDATE conversations
   SET token_estimate = said.token_estimate
   FROM (
     SELECT owner_id, conversation_id, sum(token_estimate) AS token_estimate FROM messages GROUP BY 1, 2
   ) AS said
   WHERE conversations.owner_id = said.owner_id AND conversations.id = said.conversation_id`,
];
