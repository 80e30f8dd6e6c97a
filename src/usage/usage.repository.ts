import { type Querier, statement, type Transaction } from '../platform/database.js';
import type { Period } from './period.js';
import type { Estimate } from './reservation.js';
import { addToUsageDays, noUsage, today, type UsageRow, usageSums } from './usage-row.js';

const ofOwnerStatement = statement(
  'usage.ofOwner',
  `SELECT used.*
   FROM unnest($2::date[], $3::date[]) WITH ORDINALITY AS period (first_day, end_day, number)
   CROSS JOIN LATERAL (
     SELECT ${usageSums} FROM usage_days AS used
     WHERE used.owner_id = $1 AND used.day >= period.first_day AND used.day < period.end_day
   ) AS used
   ORDER BY period.number`,
);

/** What one person used in each of these periods. */
export async function findUsage(querier: Querier, ownerId: string, periods: readonly Period[]): Promise<UsageRow[]> {
  const days = (pick: (period: Period) => string) => periods.map(pick);
  const firsts = days(({ firstDay }) => firstDay);
  const ends = days(({ endDay }) => endDay);
  const rows = await querier.query<UsageRow>(ofOwnerStatement, [ownerId, firsts, ends]);
  return periods.map((_period, index) => rows[index] ?? noUsage);
}

export interface ReportRow extends UsageRow {
  readonly key: string | null;
}

const report = (key: string) => `
  SELECT ${key} AS key, ${usageSums} FROM usage_days AS used
  WHERE used.day >= $1::date AND used.day < $2::date
  GROUP BY 1
  ORDER BY sum(used.cost_micro_usd) DESC, ${key} COLLATE "C" NULLS LAST
  LIMIT $3`;

const reportStatements = {
  DEPARTMENT: statement('usage.reportByDepartment', report("nullif(used.department, '')")),
  MODEL: statement('usage.reportByModel', report("nullif(used.model, '')")),
  DAY: statement('usage.reportByDay', report("to_char(used.day, 'YYYY-MM-DD')")),
};

export type Grouping = keyof typeof reportStatements;

/** What everyone used, added up; the `limit` rows of the highest cost, highest first, then by key. */
export function findReport(
  querier: Querier,
  { firstDay, endDay }: Period,
  groupBy: Grouping,
  limit: number,
): Promise<ReportRow[]> {
  return querier.query<ReportRow>(reportStatements[groupBy], [firstDay, endDay, limit]);
}

/** An answer of whose use nobody will ever hear: its conversation was deleted while it was written. */
export interface AbandonedAnswer {
  readonly model: string | null;
  readonly department: string | null;
  readonly estimate: Estimate;
}

const abandonStatement = statement(
  'usage.abandon',
  addToUsageDays(
    `SELECT $1, ${today}, coalesce(model, ''), coalesce(department, ''), count(*), 0, 0, 0, count(*), sum(tokens),
       sum(micro_usd)
     FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS given (model, department, tokens, micro_usd)
     GROUP BY 3, 4 ORDER BY 3, 4`,
  ),
);

/** Counts answers that end unsettled. Comes last in a transaction, as all that is written to usage_days. */
export async function countAbandoned(
  tx: Transaction,
  ownerId: string,
  answers: readonly AbandonedAnswer[],
): Promise<void> {
  if (answers.length === 0) return;
  await tx.query(abandonStatement, [
    ownerId,
    answers.map(({ model }) => model),
    answers.map(({ department }) => department),
    answers.map(({ estimate }) => estimate.tokens),
    answers.map(({ estimate }) => estimate.costMicroUsd),
  ]);
}
