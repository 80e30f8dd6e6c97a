import type { EventLoopShare } from '../platform/event-loop-share.js';
import { blocksOf, type TextBlock } from '../platform/text-blocks.js';
import { graphemeStart } from '../platform/unicode.js';
import { foldText, foldWithPlaces, wordsBeginningWith } from '../platform/words.js';
import type { SearchQuery } from './search-query.js';

/** [start, end) in UTF-16 code units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A part of a text, as it stands there, and where the words that were looked for stand in it. */
export interface Passage {
  readonly snippet: string;
  readonly highlights: readonly Range[];
}

const mostCodeUnits = 200;
/** Of what stands before the first match. */
const leadCodeUnits = 60;
/** So far from where it would be cut, a blank is looked for. */
const blankCodeUnits = 30;

/** Does a text say a word that begins so? Most that do not are known by one look. */
export async function saysWordBeginning(text: string, beginning: string, share: EventLoopShare): Promise<boolean> {
  for (const block of blocksOf(text)) {
    for (const _ of wordsBeginningWith(foldText(block.text), beginning)) return true;
    if (share.isSpent) await share.renew();
  }
  return false;
}

/** The passage around the first word that was looked for; the beginning of the text where there is none. */
export async function passageOf(text: string, query: SearchQuery, share: EventLoopShare): Promise<Passage> {
  let before: TextBlock = { start: 0, text: '' };
  const blocks = blocksOf(text);
  for (const block of blocks) {
    const matches = matchesIn(block, query);
    const [first] = matches;
    if (first) return passageAround(first, matches, { before, block, after: blocks.next().value ?? null, query });
    before = block;
    if (share.isSpent) await share.renew();
  }
  const end = endAt(text.slice(0, mostCodeUnits + blankCodeUnits), mostCodeUnits);
  return { snippet: text.slice(0, end), highlights: [] };
}

/** Where the words stand in the text that the block is of, in their order. */
function matchesIn({ start, text }: TextBlock, { words, unfinished }: SearchQuery): Range[] {
  const folded = foldText(text);
  const isThere = (word: string) => folded.includes(word);
  if (!words.some(isThere) && (unfinished === null || !isThere(unfinished))) return [];
  const { text: placed, placeOf } = foldWithPlaces(text);
  const found = new Map<number, Range>();
  const add = (index: number, word: string) => {
    const place = placeOf(index, index + word.length);
    found.set(index, { start: start + place.start, end: start + place.end });
  };
  for (const wanted of words) {
    for (const { word, index } of wordsBeginningWith(placed, wanted)) if (word === wanted) add(index, word);
  }
  if (unfinished !== null) {
    for (const { word, index } of wordsBeginningWith(placed, unfinished)) add(index, word);
  }
  const ranges: Range[] = [];
  // Of a word and a part of it, the word is shown.
  for (const range of [...found.values()].sort((one, other) => one.start - other.start)) {
    if (range.start >= (ranges.at(-1)?.end ?? 0)) ranges.push(range);
  }
  return ranges;
}

interface Surroundings {
  readonly before: TextBlock;
  readonly block: TextBlock;
  readonly after: TextBlock | null;
  readonly query: SearchQuery;
}

/** Blocks are short, and cut where nothing is cut through: all that is needed to cut well stands in three of them. */
function passageAround(
  first: Range,
  matches: readonly Range[],
  { before, block, after, query }: Surroundings,
): Passage {
  const region = before.text + block.text + (after?.text ?? '');
  const start = startBefore(region, first.start - before.start);
  const end = start + endAt(region.slice(start), mostCodeUnits);
  const offset = before.start + start;
  const reachesOn = after !== null && before.start + end > after.start;
  const all = reachesOn ? [...matches, ...matchesIn(after, query)] : matches;
  // A first match that is longer than a passage is shown as far as it goes.
  const last = offset + end - start;
  const whole = first.end > last ? [{ ...first, end: last }] : all;
  const highlights = whole
    .map((range) => ({ start: range.start - offset, end: range.end - offset }))
    .filter((range) => range.start < range.end && range.end <= end - start);
  return { snippet: region.slice(start, end), highlights };
}

/** Where a passage begins that shows what stands at `index`: after a blank, or else between two graphemes. */
function startBefore(text: string, index: number): number {
  const wanted = index - leadCodeUnits;
  if (wanted <= 0) return 0;
  for (let start = wanted; start < wanted + blankCodeUnits; start++) {
    if (/\s/.test(text.charAt(start - 1)) && /[^\s\p{M}]/u.test(text.charAt(start))) return start;
  }
  const start = graphemeStart(text, wanted);
  return index - start <= leadCodeUnits + blankCodeUnits ? start : index;
}

/** Where the beginning of a text ends that has at most so many code units: before a blank, or between two graphemes. */
function endAt(text: string, most: number): number {
  if (text.length <= most) return text.length;
  for (let end = most; end > most - blankCodeUnits; end--) {
    if (/\s/.test(text.charAt(end)) && graphemeStart(text, end) === end) return end;
  }
  return graphemeStart(text, most);
}
