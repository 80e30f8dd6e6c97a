import { unavailable } from '../../src/errors.js';
import { CommitOutcomeUnknown, type Database, type Statement, type Transaction } from '../../src/platform/database.js';
import type { Schedule } from './schedule.js';

/** How often a statement fails, and a COMMIT is lost; it may be changed on the way. */
export interface Faults {
  rate: number;
  /** May they also come late, when nobody waits for them any more? */
  readonly mayBeLate: boolean;
  /** How many are still to come. */
  late: number;
}

/** What becomes of a statement: it fails before it arrives, its answer is lost, or it was given up before it arrives. */
type Fate = 'well' | 'lost before' | 'lost after' | 'late';

/** The same database, before and after each of whose statements somebody else may go first. */
export function scheduledDatabase(database: Database, schedule: Schedule, actor: string, faults: Faults): Database {
  const scheduled: Database = Object.create(database);
  const fate = (): Fate => {
    if (faults.rate === 0 || schedule.random.next() >= faults.rate) return 'well';
    if (faults.mayBeLate) return schedule.random.of('lost before', 'lost after', 'late');
    return schedule.random.of('lost before', 'lost after');
  };
  /** When it is late enough. */
  const late = async (what: string): Promise<void> => {
    faults.late += 1;
    await schedule.pause(`${actor} late`, `${what} arrives`).finally(() => {
      faults.late -= 1;
    });
  };
  const sending = async <T>(what: string, send: () => Promise<T>, mayBeLate: boolean): Promise<T> => {
    await schedule.pause(actor, what);
    const ends = fate();
    if (ends === 'late' && mayBeLate) {
      const arrive = async () => await send().finally(schedule.ask());
      late(what)
        .then(arrive)
        .catch(() => undefined);
    }
    if (ends === 'lost before' || ends === 'late') throw lost(schedule, actor, what);
    const answered = schedule.ask();
    const result = await send()
      .finally(answered)
      .catch(async (error: unknown) => {
        await schedule.pause(actor, `${what} failed`);
        throw error;
      });
    await schedule.pause(actor, `${what} answered`);
    if (ends === 'lost after') throw lost(schedule, actor, `the answer to ${what}`);
    return result;
  };
  const query = <Row>(statement: Statement, values: readonly unknown[]) =>
    sending(statement.name, () => database.query<Row>(statement, values), true);
  const transaction = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    await schedule.pause(actor, 'BEGIN');
    let answered = schedule.ask();
    const ends = fate();
    const givenUp = Promise.withResolvers<never>();
    const begun = async (tx: Transaction): Promise<T> => {
      answered();
      try {
        await schedule.pause(actor, 'BEGIN answered');
        const result = await work({
          ...tx,
          query: (one, values) => sending(one.name, () => tx.query(one, values), false),
        });
        await schedule.pause(actor, 'COMMIT');
        if (ends === 'lost before') throw new CommitOutcomeUnknown(lost(schedule, actor, 'COMMIT'));
        if (ends === 'late') {
          givenUp.reject(new CommitOutcomeUnknown(lost(schedule, actor, 'COMMIT')));
          await late('COMMIT');
        }
        return result;
      } finally {
        answered = schedule.ask();
      }
    };
    const ended = database
      .transaction(begun)
      .finally(() => answered())
      .catch(async (error: unknown) => {
        await schedule.pause(actor, 'ROLLBACK answered');
        throw error;
      });
    const result = await Promise.race([ended, givenUp.promise]);
    await schedule.pause(actor, 'COMMIT answered');
    if (ends === 'lost after') throw new CommitOutcomeUnknown(lost(schedule, actor, 'the answer to COMMIT'));
    return result;
  };
  return Object.assign(scheduled, { query, transaction });
}

function lost(schedule: Schedule, actor: string, what: string): Error {
  schedule.trace.push(`${actor}: ${what} is lost`);
  return unavailable();
}
