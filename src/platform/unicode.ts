import { badUserInput } from '../errors.js';

/**
 * Passes text that PostgreSQL stores as it is and that is no longer than `maxCodeUnits` (UTF-16, as `String.length`
 * counts).
 * @throws BAD_USER_INPUT naming `field`, also for half a surrogate pair, which PostgreSQL would replace silently, and
 * for NUL, which it refuses.
 */
export function checkText(field: string, text: string, maxCodeUnits: number): string {
  if (text.length > maxCodeUnits) {
    throw badUserInput(field, `${field} is longer than ${maxCodeUnits} UTF-16 code units.`);
  }
  if (!text.isWellFormed() || text.includes('\0')) {
    throw badUserInput(field, `${field} is not well-formed Unicode without NUL.`);
  }
  return text;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Where the grapheme begins that stands at `index`: to cut there is to cut none. */
export function graphemeStart(text: string, index: number): number {
  // A window after the index is enough: a grapheme that reaches its end begins before the index all the same.
  return graphemes.segment(text.slice(0, index + 64)).containing(index)?.index ?? text.length;
}

/**
 * The beginning of a text as one line: whitespace folded, at most `maxCodeUnits` long, never cut inside a grapheme.
 * Looks only at as much of the text as that needs.
 */
export function beginningOf(text: string, maxCodeUnits: number): string {
  // A word of megabytes is taken in parts, the first of which is enough: matched whole, it can exhaust the stack.
  const words = new RegExp(`\\S{1,${maxCodeUnits + 64}}`, 'g');
  let line = '';
  for (const [word] of text.matchAll(words)) {
    line += line === '' ? word : ` ${word}`;
    if (line.length > maxCodeUnits) return line.slice(0, graphemeStart(line, maxCodeUnits)).trimEnd();
  }
  return line;
}
