import { ConfigError } from './config-reader.js';
import { hasCode } from './platform/system-error.js';

/** An end of a command that was foreseen: the message is one sentence that says what to do. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
}

/** SQLSTATE of a refused login and of a database that is not there; PostgreSQL's own words are clear. */
const refusedLogin = ['28000', '28P01', '3D000'];
/** SQLSTATE of a lock that was not given in time: none but a migration's is told here. */
const tableInUse = '55P03';
const unreachable = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH'];

/** What whoever typed a command reads when it fails: what is wrong, and what to do about it. */
export function describeFailure(error: unknown): string {
  if (error instanceof ConfigError) {
    const title = error.faults.length === 1 ? 'The configuration has a fault:' : 'The configuration has faults:';
    return [title, ...error.faults.map((fault) => `  ${fault}`)].join('\n');
  }
  if (error instanceof CommandError) return error.message;
  return error instanceof Error ? messageOf(error) : String(error);
}

/** The same, of what a server could not do with its database. */
export function describeDatabaseFailure(error: unknown): string {
  const message = describeFailure(error);
  if (hasCode(error, ...unreachable) || /timeout expired|Connection terminated/.test(message)) {
    return `The database does not answer (${message}): see that it runs, and that DATABASE_URL and KEYS_DATABASE_URL name it.`;
  }
  if (hasCode(error, ...refusedLogin)) {
    return `The database refuses (${message}): see DATABASE_URL and KEYS_DATABASE_URL.`;
  }
  if (hasCode(error, tableInUse)) {
    return `A table that a migration changes is in use, by a backup for example (${message}): run it again when that is over.`;
  }
  return message;
}

/** Where a host has several addresses, and none of them answers, Node's error has no words of its own. */
function messageOf(error: Error): string {
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : [];
  return error.message || (first instanceof Error ? first.message : error.name);
}
