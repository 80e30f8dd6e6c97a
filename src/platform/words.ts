const segmenter = new Intl.Segmenter('en', { granularity: 'word' });

/** Marks that a letter carries in Latin, Greek and Cyrillic; other scripts' marks are vowels and stay. */
const accents = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/g;

/** A stroke through a letter is no mark that could be taken off it. */
const strokes: Readonly<Record<string, string>> = { ł: 'l', ø: 'o', đ: 'd', ħ: 'h', ŧ: 't' };

/**
 * A text without what people leave out when they look for it: compatibility forms, case and accents. Upper case first
 * (ß becomes SS, a final sigma an ordinary one), then lower, and the dot that İ leaves behind goes too.
 */
export function foldText(text: string): string {
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
