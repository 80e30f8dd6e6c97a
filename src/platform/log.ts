import { type Logger, pino } from 'pino';
import { isError } from './system-error.js';

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

/** What may be said of an error in a log line, and of what caused it. */
export function describeError(error: unknown): object {
  return described(error, maxCauses);
}

const maxCauses = 4;
const maxFrames = 6;

function described(error: unknown, causesLeft: number): object {
  const code = typeof error === 'object' && error !== null && 'code' in error ? word(error.code) : undefined;
  if (!isError(error)) return { type: typeof error, code };
  const cause = isError(error.cause) && causesLeft > 0 ? { cause: described(error.cause, causesLeft - 1) } : {};
  return { type: word(error.name), code, at: framesOf(error), ...cause };
}

/** The message stands at the head of the stack, and its lines may look like frames: it is cut off, or else all is. */
function framesOf({ stack = '', message }: Error): string[] {
  const start = stack.indexOf(message);
  if (start === -1) return [];
  const lines = stack.slice(start + message.length).split('\n');
  const frames = lines.filter((line) => /^\s+at /.test(line));
  return frames.slice(0, maxFrames).map((line) => line.trim());
}

/** Codes and names may come from another server's answer, which may say anything. */
const word = (value: unknown) => (/^[\w.-]{1,64}$/.test(String(value)) ? String(value) : undefined);
