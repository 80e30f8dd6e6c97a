import { ArgsType, Field, Float, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { Instant } from '../platform/instant.js';
import { ObjectField } from '../platform/object-field.types.js';
import { DateTime } from '../platform/scalars.js';
import type { Grouping, ReportRow } from './usage.repository.js';
import type { UsageRow } from './usage-row.js';

@ArgsType()
export class PeriodArguments {
  @Field(() => DateTime, {
    nullable: true,
    description: 'Where the period begins; the whole day in UTC that it lies in counts. Null: from the beginning.',
  })
  from?: Instant | null;

  @Field(() => DateTime, {
    nullable: true,
    description: 'Where the period ends; a day in UTC that begins before it counts whole. Null: up to now.',
  })
  to?: Instant | null;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'Sums over finished answers, cancelled, interrupted and failed ones included. A count that a provider did not report is left out of the sum and counted in unreportedAnswers.',
})
export class Usage {
  constructor(private readonly row: UsageRow) {}

  @ObjectField(() => Int, { description: 'Answers that ended, however they ended; appended ones too.' })
  get answers(): number {
    return this.row.answers;
  }

  @ObjectField(() => Float, {
    description: 'Tokens that models read. A whole number, exact to 2^53: a sum outgrows Int. So are the next two.',
  })
  get promptTokens(): number {
    return this.row.prompt_tokens;
  }

  @ObjectField(() => Float, { description: 'Tokens that models wrote.' })
  get completionTokens(): number {
    return this.row.completion_tokens;
  }

  @ObjectField(() => Float, { description: 'Millionths of a US dollar.' })
  get costMicroUsd(): number {
    return this.row.cost_micro_usd;
  }

  @ObjectField(() => Int, { description: 'Answers for which at least one of the three was not reported.' })
  get unreportedAnswers(): number {
    return this.row.unreported_answers;
  }
}

export const UsageGrouping = {
  DEPARTMENT: 'DEPARTMENT',
  MODEL: 'MODEL',
  DAY: 'DAY',
} as const satisfies Record<Grouping, Grouping>;
export type UsageGrouping = Grouping;

registerEnumType(UsageGrouping, {
  name: 'UsageGrouping',
  description: 'What each row of a usage report stands for.',
  valuesConfig: {
    DEPARTMENT: { description: 'A department, as the token said when the answer was asked for.' },
    MODEL: { description: 'A model.' },
    DAY: { description: 'A day in UTC.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'What everyone of a department, with a model, or on a day used.' })
export class UsageReportRow {
  @ObjectField(() => String, {
    nullable: true,
    description:
      'Department, model, or day (2026-11-20); null for people without a department and answers without a model.',
  })
  readonly key: string | null;

  @ObjectField(() => Usage, { description: 'Their sums.' })
  readonly usage: Usage;

  constructor(row: ReportRow) {
    this.key = row.key;
    this.usage = new Usage(row);
  }
}
