import type { OwnerKeys } from '../platform/encryption.js';
import { beginningOf, graphemeStart } from '../platform/unicode.js';
import { findableWords, wordsOf } from '../platform/words.js';

/** What a conversation is called that has neither a title of its own nor a message to make one from. */
export const untitled = 'New conversation';

const automaticCodeUnits = 50;
const wordSegmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** Has it nothing but blanks, and what is not seen at all? Such a text makes no title. */
export const showsNothing = (text: string): boolean => /^[\s\p{Default_Ignorable_Code_Point}]*$/u.test(text);

/** A title made of the beginning of a text: one line, 50 UTF-16 code units at most, cut between words. Never empty. */
export function automaticTitle(text: string): string {
  const line = beginningOf(text, 2 * automaticCodeUnits);
  if (line.length <= automaticCodeUnits) return line || untitled;
  return line.slice(0, cutOf(line)).trimEnd() || untitled;
}

/** Between words, as long as that leaves half a title; inside one where it is longer than that, or a script has no spaces. */
function cutOf(line: string): number {
  const space = line.lastIndexOf(' ', automaticCodeUnits);
  if (space >= automaticCodeUnits / 2) return space;
  const word = wordSegmenter.segment(line).containing(automaticCodeUnits)?.index ?? 0;
  if (word >= automaticCodeUnits / 2 && graphemeStart(line, word) === word) return word;
  return graphemeStart(line, automaticCodeUnits);
}

/** A title that says more than this, folded, is not looked through further: only compatibility forms make it so long. */
const maxBeginnings = 1024;

/**
 * What a title is found by: keyed hashes of its words and of every beginning of each, marked apart, so that neither
 * stands for the other.
 */
export function titleTerms(keys: OwnerKeys, title: string): Buffer[] {
  const marked = new Set<string>();
  // Whole words first: the parts of a long one are not to take their place.
  for (const word of [...wordsOf(title), ...findableWords(title)]) {
    marked.add(`w:${word}`);
    let beginning = '';
    for (const character of word) {
      beginning += character;
      marked.add(`p:${beginning}`);
      if (marked.size >= maxBeginnings) return termsOf(keys, marked);
    }
  }
  return termsOf(keys, marked);
}

/** The terms that all stand in the `titleTerms` of the titles looked for: whole words, and a last that may be unfinished. */
export function titleQuery(keys: OwnerKeys, text: string): Buffer[] {
  const words = wordsOf(text);
  return termsOf(
    keys,
    words.map((word, index) => (index === words.length - 1 ? `p:${word}` : `w:${word}`)),
  );
}

const termsOf = (keys: OwnerKeys, marked: Iterable<string>) => Array.from(new Set(marked), (term) => keys.term(term));
