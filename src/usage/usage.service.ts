import DataLoader from 'dataloader';
import type { Scope } from '../identity/scope.js';
import type { Database } from '../platform/database.js';
import type { Instant } from '../platform/instant.js';
import { makeWaves } from '../platform/waves.js';
import { type Period, readPeriod } from './period.js';
import { mayReadEveryonesUsage } from './usage.policy.js';
import { findReport, findUsage, type Grouping, type ReportRow } from './usage.repository.js';
import type { UsageRow } from './usage-row.js';

/** Whoever groups by more than that looks at those of the highest cost. */
export const reportRows = 1000;

/** What was used, by whoever asks and by everyone. */
export class UsageService {
  constructor(private readonly database: Database) {}

  /** What the viewer used in the days that the period touches. @throws BAD_USER_INPUT */
  ofViewer(scope: Scope, from: Instant | null, to: Instant | null): Promise<UsageRow> {
    return scope.of(this.makeLoader).load(readPeriod(from, to));
  }

  /** What everyone used, at most 1,000 rows, highest cost first. @throws FORBIDDEN, BAD_USER_INPUT */
  report(scope: Scope, from: Instant | null, to: Instant | null, groupBy: Grouping): Promise<ReportRow[]> {
    mayReadEveryonesUsage(scope.viewer);
    const period = readPeriod(from, to);
    return scope.of(makeWaves).join(() => findReport(this.database, period, groupBy, reportRows));
  }

  /** All periods that an operation asks for are read in one statement. */
  private readonly makeLoader = (scope: Scope): DataLoader<Period, UsageRow, string> =>
    new DataLoader<Period, UsageRow, string>(
      (periods) => scope.of(makeWaves).join(() => findUsage(this.database, scope.keys.ownerId, periods)),
      { cacheKeyFn: ({ firstDay, endDay }) => `${firstDay}/${endDay}` },
    );
}
