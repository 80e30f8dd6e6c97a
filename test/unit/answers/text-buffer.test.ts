import { describe, expect, it } from '@jest/globals';
import { TextBuffer } from '../../../src/answers/text-buffer.js';
import { fc } from '../../support/fast-check.js';

/** Short pieces mostly, now and then one that fills blocks. */
const pieces = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4000, max: 9000 }).map((length) => 'abcdefghij'.repeat(length / 10)) },
  ),
  { maxLength: 30 },
);

const joined = (parts: readonly string[]) => {
  const buffer = new TextBuffer();
  for (const part of parts) buffer.append(part);
  return buffer;
};

describe('The text buffer', () => {
  it('reads any part of what was appended, however it was cut into pieces', () => {
    fc.assert(
      fc.property(pieces, fc.nat(), fc.nat(), (parts, one, other) => {
        const text = parts.join('');
        const buffer = joined(parts);
        const start = one % (text.length + 2);
        const end = other % (text.length + 2);
        expect(buffer.length).toBe(text.length);
        expect(buffer.slice(start, end)).toBe(text.slice(start, Math.max(start, end)));
        expect(buffer.slice(start)).toBe(text.slice(start));
      }),
    );
  });

  it('gives nothing beyond its end, and at the edges of its blocks loses and doubles nothing', () => {
    const text = Array.from({ length: 3 * 4096 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    const buffer = joined([text]);
    expect(buffer.length).toBe(text.length);
    expect(buffer.slice(text.length)).toBe('');
    expect(buffer.slice(text.length + 5000)).toBe('');
    for (const edge of [4095, 4096, 4097, 8191, 8192, 8193]) {
      expect(buffer.slice(0, edge) + buffer.slice(edge)).toBe(text);
      expect(buffer.slice(edge - 1, edge + 1)).toBe(text.slice(edge - 1, edge + 1));
    }
  });

  it('reads what was appended before and after a read', () => {
    const buffer = joined(['a'.repeat(4095)]);
    expect(buffer.slice(4000)).toHaveLength(95);
    buffer.append('bc');
    expect(buffer.slice(4094)).toBe('abc');
  });
});
