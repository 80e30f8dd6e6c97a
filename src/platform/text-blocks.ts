import { graphemeStart } from './unicode.js';

/** A part of a text, at `start` (UTF-16 code units). */
export interface TextBlock {
  readonly start: number;
  readonly text: string;
}

/** Short enough that one is looked through in a fraction of a millisecond. */
const blockCodeUnits = 1024;
const blank = /\s/;
/** Ends of sentences and brackets that stand in no word, also where they are folded; a comma stands in numbers. */
const mark = /[、。〉》」』】！？।॥]|，(?!\p{N})/u;

/**
 * A text in blocks that can be folded and taken apart into words one by one, with the result that the whole would give:
 * cut before a blank, else after a mark of those scripts that write without; only a text that has neither for 512 code
 * units is cut between two graphemes.
 */
export function* blocksOf(text: string): Generator<TextBlock> {
  for (let start = 0; start < text.length; ) {
    const end = endOfBlock(text, start);
    yield { start, text: text.slice(start, end) };
    start = end;
  }
}

function endOfBlock(text: string, start: number): number {
  const longest = start + blockCodeUnits;
  if (text.length <= longest) return text.length;
  const shortest = start + blockCodeUnits / 2;
  for (let end = longest; end > shortest; end--) if (blank.test(text.charAt(end))) return end;
  for (let end = longest; end > shortest; end--) {
    if (mark.exec(text.slice(end - 1, end + 1))?.index === 0 && cutsNothing(text, end)) return end;
  }
  const between = start + graphemeStart(text.slice(start, longest + 64), blockCodeUnits);
  if (between > start) return between;
  // One grapheme that is longer than a block.
  return text.slice(start, longest).isWellFormed() ? longest : longest - 1;
}

/** Does no grapheme reach beyond this place? A little around it is enough, since a mark stands before it. */
const cutsNothing = (text: string, index: number) => graphemeStart(text.slice(index - 1, index + 1), 1) === 1;
