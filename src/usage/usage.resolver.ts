import { Arg, Args, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { Scope } from '../identity/scope.js';
import { ViewerType } from '../identity/viewer.types.js';
import type { UsageService } from './usage.service.js';
import { PeriodArguments, Usage, UsageGrouping, UsageReportRow } from './usage.types.js';

@Resolver(() => ViewerType)
export class UsageResolver {
  constructor(private readonly service: UsageService) {}

  @FieldResolver(() => Usage, {
    description:
      'What this person used in the period, in whole days UTC, by when each answer ended; null bounds are open. What was used stays used where a conversation is deleted.',
  })
  async usage(
    @Root() { scope }: ViewerType,
    @Args(() => PeriodArguments) { from, to }: PeriodArguments,
  ): Promise<Usage> {
    return new Usage(await this.service.ofViewer(scope, from ?? null, to ?? null));
  }

  @Query(() => [UsageReportRow], {
    nullable: true,
    description:
      "For the role 'admin' only: what everyone used, added up. The highest cost first, then by key; at most 1,000 rows, those of the highest cost.",
  })
  async usageReport(
    @Args(() => PeriodArguments) { from, to }: PeriodArguments,
    @Arg('groupBy', () => UsageGrouping, {
      defaultValue: UsageGrouping.DEPARTMENT,
      description: 'What each row stands for.',
    })
    groupBy: UsageGrouping,
    @Ctx() scope: Scope,
  ): Promise<UsageReportRow[]> {
    const rows = await this.service.report(scope, from ?? null, to ?? null, groupBy);
    return rows.map((row) => new UsageReportRow(row));
  }
}
