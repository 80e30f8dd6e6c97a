const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** Marks that a letter carries in Latin, Greek and Cyrillic; other scripts' marks are vowels and stay. */
const accents = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ascii = /^[\x00-\x7f]*$/;

/** A stroke through a letter is no mark that could be taken off it. */
const strokes: Readonly<Record<string, string>> = { ł: 'l', ø: 'o', đ: 'd', ħ: 'h', ŧ: 't' };

/**
 * A text without what people leave out when they look for it: compatibility forms, case and accents. Upper case first
 * (ß becomes SS, a final sigma an ordinary one), then lower, and the dot that İ leaves behind goes too.
 */
export function foldText(text: string): string {
  if (ascii.test(text)) return text.toLowerCase();
  const bare = text.normalize('NFKD').replace(accents, '').toUpperCase().toLowerCase();
  return bare
    .normalize('NFKD')
    .replace(accents, '')
    .replace(/[łøđħŧ]/g, (letter) => strokes[letter] ?? letter)
    .replaceAll('ς', 'σ')
    .normalize('NFKC');
}

/** The words of a text, folded, in their order, each as often as it stands there. */
export function wordsOf(text: string): string[] {
  return Array.from(segmenter.segment(foldText(text)))
    .filter((part) => part.isWordLike)
    .map((part) => part.segment);
}

/** Does a folded text end in a word, which whoever writes it may not have finished? */
export function endsInWord(folded: string): boolean {
  return segmenter.segment(folded).containing(folded.length - 1)?.isWordLike ?? false;
}

/** A folded text of which each part knows where it was. */
export interface FoldedText {
  readonly text: string;
  /** Where a range of it, in UTF-16 code units, stands in the text that was folded: no less than all that became it. */
  placeOf(start: number, end: number): { readonly start: number; readonly end: number };
}

/** A code point, and those after it that may be composed with it. */
const composed = /.[\p{M}\u1160-\u11ff\uff9e\uff9f]*/gsu;

export function foldWithPlaces(text: string): FoldedText {
  if (ascii.test(text)) return { text: text.toLowerCase(), placeOf: (start, end) => ({ start, end }) };
  const starts: number[] = [];
  const ends: number[] = [];
  const parts: string[] = [];
  for (const { 0: part, index } of text.matchAll(composed)) {
    const folded = foldText(part);
    parts.push(folded);
    for (let count = 0; count < folded.length; count++) {
      starts.push(index);
      ends.push(index + part.length);
    }
  }
  return {
    text: parts.join(''),
    placeOf: (start, end) => ({ start: starts[start] ?? text.length, end: ends[end - 1] ?? 0 }),
  };
}

/** A word as `wordsOf` finds it, and where it begins. */
export interface FoundWord {
  readonly word: string;
  readonly index: number;
}

/** Those words of a folded text that begin with `beginning`: without taking apart what does not. */
export function* wordsBeginningWith(folded: string, beginning: string): Generator<FoundWord> {
  let index = folded.indexOf(beginning);
  if (index === -1) return;
  const segments = segmenter.segment(folded);
  for (; index !== -1; index = folded.indexOf(beginning, index + 1)) {
    const found = segments.containing(index);
    if (found?.index === index && found.isWordLike) yield { word: found.segment, index };
  }
}
