import type { SeededRandom } from './seeded-random.js';

/** Of one to four bytes in UTF-8, joined and combining ones, and what JSON and HTML escape. */
const characters = [
  'e',
  ' ',
  '\n',
  '"\\',
  '\u2028',
  '</p>&',
  'ß',
  'e\u0301',
  'שלום',
  '語',
  'ไทย',
  '𝒳',
  '🦜',
  '👩‍👩‍👧',
  '🇫🇷',
  '\u{10FFFF}',
] as const;

/** A text of that many UTF-16 code units, or a few more. */
export function hardText(random: SeededRandom, codeUnits: number): string {
  let text = '';
  while (text.length < codeUnits) text += random.of(...characters);
  return text;
}

/** The same text in pieces of a few code units, cut anywhere: within surrogate pairs, too. */
export function cutAnywhere(random: SeededRandom, text: string, most: number): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = start + random.between(1, most);
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

/** The same bytes in chunks cut anywhere: within the bytes of one character, too. */
export function cutBytes(random: SeededRandom, text: string, most: number): Uint8Array[] {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + random.between(1, most);
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  return chunks;
}
