const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/**
 * Marks that a letter carries in Latin, Greek and Cyrillic, and the points of Hebrew and Arabic, which few people write;
 * other scripts' marks are vowels and stay. With them what is there for the eye alone: hyphens and joiners that nobody
 * sees, directions, and the stroke that makes an Arabic word longer.
 */
const unsaid =
  /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670\u00ad\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ascii = /^[\x00-\x7f]*$/;
/** All else, with a letter before it that it may be composed with. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const beyondAscii = /[\x00-\x7f]?[^\x00-\x7f]+/g;

/** What no form of Unicode takes apart: strokes through letters, letters that grew together, and the apostrophes. */
const plain: Readonly<Record<string, string>> = {
  ...{ ł: 'l', ø: 'o', đ: 'd', ħ: 'h', ŧ: 't', ß: 'ss', æ: 'ae', œ: 'oe', ς: 'σ' },
  ...{ '‘': "'", '’': "'", ʻ: "'", ʼ: "'" },
};

/** A text without what people leave out when they look for it: compatibility forms, case and accents. */
export function foldText(text: string): string {
  return ascii.test(text) ? text.toLowerCase() : text.replace(beyondAscii, foldPart).toLowerCase();
}

/** Upper case first (ŉ and the like come apart, ı becomes I), then lower, and the dot that İ leaves behind goes too. */
function foldPart(part: string): string {
  const bare = part.normalize('NFKD').replace(unsaid, '').toUpperCase().toLowerCase();
  return bare
    .normalize('NFKD')
    .replace(unsaid, '')
    .replace(/[łøđħŧßæœς‘’ʻʼ]/g, (letter) => plain[letter] ?? letter)
    .normalize('NFKC');
}

/** A word that a text is found by, and where it begins. */
export interface FoundWord {
  readonly word: string;
  readonly index: number;
}

/** The words of a text as whoever looks for them writes them, folded, in their order, each as often as it stands there. */
export function wordsOf(text: string): string[] {
  return Array.from(segmenter.segment(foldText(text)))
    .filter((part) => part.isWordLike)
    .map((part) => part.segment);
}

/**
 * Within what the segmenter takes for one word: identifiers (foo_bar), names of hosts and files (example.com), and what an
 * article was drawn into (l'eau); don't, e.g. and 3.14 have none.
 */
const joint = /_+|(?<=\p{L}{2})[.:](?=\p{L}{2})|(?<=\p{L})'(?=\p{L}{3})/gu;

/** Of one segment: behind them it is found by nothing of its own. */
const mostJoints = 16;

/** What a segment is found by: all of it, each of its parts, and from each on all that follows. */
function* wordsIn({ segment, index, isWordLike }: Intl.SegmentData): Generator<FoundWord> {
  if (!isWordLike) return;
  yield { word: segment, index };
  let start = 0;
  let joints = 0;
  for (const { 0: between, index: end } of segment.matchAll(joint)) {
    joints += 1;
    if (joints > mostJoints) return;
    if (end > start) yield { word: segment.slice(start, end), index: index + start };
    start = end + between.length;
    if (start < segment.length) yield { word: segment.slice(start), index: index + start };
  }
}

/** What a text is found by: its words, and the parts of those that have any. */
export function findableWords(text: string): string[] {
  return Array.from(segmenter.segment(foldText(text))).flatMap((part) => Array.from(wordsIn(part), ({ word }) => word));
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

/** A code point, and those after it that may be composed or joined with it. */
const composed = /.[\p{M}\u1160-\u11ff\uff9e\uff9f\u200c\u200d]*/gsu;

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

/** Those of its findable words that begin with `beginning`: without taking apart what does not. */
export function* wordsBeginningWith(folded: string, beginning: string): Generator<FoundWord> {
  let index = folded.indexOf(beginning);
  if (index === -1) return;
  const segments = segmenter.segment(folded);
  while (index !== -1) {
    const segment = segments.containing(index);
    if (!segment) return;
    for (const found of wordsIn(segment)) if (found.word.startsWith(beginning)) yield found;
    index = folded.indexOf(beginning, segment.index + segment.segment.length);
  }
}
