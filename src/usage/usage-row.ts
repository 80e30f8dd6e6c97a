import type { EndedRun } from './reservation.js';

/** Sums of what answers used, as the database gives them. */
export interface UsageRow {
  readonly answers: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_micro_usd: number;
  readonly unreported_answers: number;
}

export const noUsage: UsageRow = {
  answers: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  cost_micro_usd: 0,
  unreported_answers: 0,
};

/** A UsageRow of any number of usage_days; the name `used` must be in scope. */
export const usageSums = `
  coalesce(sum(used.answers), 0)::bigint AS answers,
  coalesce(sum(used.prompt_tokens), 0)::bigint AS prompt_tokens,
  coalesce(sum(used.completion_tokens), 0)::bigint AS completion_tokens,
  coalesce(sum(used.cost_micro_usd), 0)::bigint AS cost_micro_usd,
  coalesce(sum(used.unreported_answers), 0)::bigint AS unreported_answers`;

/**
 * The part of a statement that adds to usage_days. `select` gives owner, day, model, department, answers, prompt tokens,
 * completion tokens, cost, unreported answers, estimated tokens and estimated cost, one row for each day's row, in the
 * order of those: whoever adds to several must take their locks in the order in which everybody does.
 */
export const addToUsageDays = (select: string): string => `
  INSERT INTO usage_days (owner_id, day, model, department, answers, prompt_tokens, completion_tokens, cost_micro_usd,
    unreported_answers, estimated_tokens, estimated_cost_micro_usd)
  ${select}
  ON CONFLICT (owner_id, day, model, department) DO UPDATE SET
    answers = usage_days.answers + excluded.answers,
    prompt_tokens = usage_days.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = usage_days.completion_tokens + excluded.completion_tokens,
    cost_micro_usd = usage_days.cost_micro_usd + excluded.cost_micro_usd,
    unreported_answers = usage_days.unreported_answers + excluded.unreported_answers,
    estimated_tokens = usage_days.estimated_tokens + excluded.estimated_tokens,
    estimated_cost_micro_usd = usage_days.estimated_cost_micro_usd + excluded.estimated_cost_micro_usd`;

/** The day that it is, by the database's clock. */
export const today = "(now() AT TIME ZONE 'UTC')::date";

/** A run that has ended, as the database gives it. */
export interface EndedRunRow {
  readonly department: string | null;
  readonly reserved_prompt_tokens: number;
  readonly reserved_completion_tokens: number;
  readonly reserved_prompt_micro_usd: number;
  readonly reserved_completion_micro_usd: number;
}

/** The columns of an EndedRunRow; the name `run` must be in scope. */
export const endedRunColumns = `
  run.department, run.reserved_prompt_tokens, run.reserved_completion_tokens, run.reserved_prompt_micro_usd,
  run.reserved_completion_micro_usd`;

export const endedRunOf = (row: EndedRunRow): EndedRun => ({
  department: row.department,
  promptTokens: row.reserved_prompt_tokens,
  completionTokens: row.reserved_completion_tokens,
  promptMicroUsd: row.reserved_prompt_micro_usd,
  completionMicroUsd: row.reserved_completion_micro_usd,
});
