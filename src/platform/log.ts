import { type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * The one logger: JSON lines on standard output. A line is a constant message with fields; texts, prompts, tokens
 * and keys never go in. What an error says is safe only where we made it, so of foreign errors just name, code and
 * stack frames are kept: drivers quote parameters in their messages.
 */
export function createLog(level: string): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: describeError },
  });
}

/** What may be said of an error in a log line. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const code = 'code' in error ? String(error.code) : undefined;
  return { type: error.name, code, at: frames.slice(0, 6).map((line) => line.trim()) };
}
