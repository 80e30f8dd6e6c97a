import { badUserInput } from '../errors.js';
import { checkText } from '../platform/unicode.js';
import { endsInWord, foldText, wordsOf } from '../platform/words.js';

/** What a person looks for, folded. */
export interface SearchQuery {
  /** Those that are said whole. */
  readonly words: readonly string[];
  /** The last word where nothing follows it: a message may say any word that begins so. */
  readonly unfinished: string | null;
}

/** @throws BAD_USER_INPUT naming `query` where there is no word in it, or it is too long */
export function readQuery(text: string, maxCodeUnits: number): SearchQuery {
  const folded = foldText(checkText('query', text, maxCodeUnits));
  const all = wordsOf(folded);
  const last = all.at(-1);
  if (last === undefined) throw badUserInput('query', 'query has no word in it; look for at least one.');
  if (!endsInWord(folded)) return { words: distinct(all), unfinished: null };
  const words = distinct(all.slice(0, -1));
  // A word that is said whole begins so.
  return { words, unfinished: words.some((word) => word.startsWith(last)) ? null : last };
}

const distinct = (words: readonly string[]) => [...new Set(words)];
