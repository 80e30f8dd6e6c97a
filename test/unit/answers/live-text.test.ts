import { describe, expect, it } from '@jest/globals';
import { endOf, isBehind, LiveText, type Piece, startOfAnswer } from '../../../src/answers/live-text.js';
import type { AnswerText, Offsets } from '../../../src/messages/message-texts.js';
import { fc } from '../../support/fast-check.js';

const never = new AbortController().signal;

/** Well-formed text with many characters of two code units. */
const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '🦜', '\u{10ffff}'), maxLength: 60 });
const answer: fc.Arbitrary<AnswerText> = fc.record({ content: text, reasoning: text });

const whole = (of: string, at: number) => (/[\udc00-\udfff]/.test(of[at] ?? '') ? at + 1 : at);

/** A piece of the answer as somebody may send it: from anywhere to anywhere, but never from or to within a pair. */
const pieceOf = (
  { content, reasoning }: AnswerText,
  [a, b, c, d]: readonly [number, number, number, number],
): Piece => {
  const range = (of: string, one: number, other: number): [number, number] => {
    const ends = [whole(of, one % (of.length + 1)), whole(of, other % (of.length + 1))];
    return [Math.min(...ends), Math.max(...ends)];
  };
  const [contentStart, contentEnd] = range(content, a, b);
  const [reasoningStart, reasoningEnd] = range(reasoning, c, d);
  return {
    from: { content: contentStart, reasoning: reasoningStart },
    content: content.slice(contentStart, contentEnd),
    reasoning: reasoning.slice(reasoningStart, reasoningEnd),
  };
};

const ranges = fc.tuple(fc.nat(200), fc.nat(200), fc.nat(200), fc.nat(200));

const upTo = ({ content, reasoning }: AnswerText, end: Offsets): AnswerText => ({
  content: content.slice(0, end.content),
  reasoning: reasoning.slice(0, end.reasoning),
});

const live = (of: AnswerText) => {
  const made = new LiveText();
  made.append(of);
  return made;
};

/** Reads on and on, as a follower does. */
function readAll(from: LiveText, start: Offsets, limit: number): { pieces: Piece[]; end: Offsets } {
  const pieces: Piece[] = [];
  let offset = start;
  for (let piece = from.read(offset, limit); piece; piece = from.read(offset, limit)) {
    pieces.push(piece);
    offset = endOf(piece);
    if (pieces.length > 1000) throw new Error('A reader that never comes to an end.');
  }
  return { pieces, end: offset };
}

describe('Merging pieces', () => {
  it('keeps a beginning of the answer, whatever comes late, doubled, overlapping or out of order', () => {
    fc.assert(
      fc.property(answer, fc.array(ranges, { maxLength: 30 }), (stored, cuts) => {
        const replica = new LiveText();
        for (const cut of cuts) {
          const piece = pieceOf(stored, cut);
          const before = replica.end;
          const merged = replica.merge(piece);
          expect(merged).toBe(!isBehind(before, piece.from));
          expect(replica.upTo(replica.end)).toEqual(upTo(stored, replica.end));
          expect(isBehind(replica.end, merged ? endOf(piece) : before)).toBe(false);
        }
      }),
    );
  });

  it('comes to the whole answer as soon as every piece was heard in its place, once or more', () => {
    fc.assert(
      fc.property(answer, fc.integer({ min: 2, max: 9 }), fc.array(ranges), (stored, limit, noise) => {
        const replica = new LiveText();
        for (const piece of readAll(live(stored), startOfAnswer, limit).pieces) {
          for (const cut of noise.splice(0, 2)) replica.merge(pieceOf(stored, cut));
          replica.merge(piece);
          replica.merge(piece);
        }
        expect(replica.upTo(replica.end)).toEqual(stored);
      }),
    );
  });

  it('says where a piece begins beyond the end, and takes nothing of it', () => {
    const replica = live({ content: 'ab', reasoning: '' });
    expect(replica.merge({ from: { content: 3, reasoning: 0 }, content: 'd', reasoning: '' })).toBe(false);
    expect(replica.merge({ from: { content: 2, reasoning: 1 }, content: 'c', reasoning: 'x' })).toBe(false);
    expect(replica.end).toEqual({ content: 2, reasoning: 0 });
  });
});

describe('Reading', () => {
  it('gives deltas that follow one another without a gap, within the limit, none ending within a pair', () => {
    fc.assert(
      fc.property(answer, fc.integer({ min: 1, max: 20 }), (stored, limit) => {
        const { pieces, end } = readAll(live(stored), startOfAnswer, limit);
        expect(end).toEqual({ content: stored.content.length, reasoning: stored.reasoning.length });
        expect(pieces.map(({ content }) => content).join('')).toBe(stored.content);
        expect(pieces.map(({ reasoning }) => reasoning).join('')).toBe(stored.reasoning);
        for (const { content, reasoning } of pieces) {
          expect((content + reasoning).isWellFormed()).toBe(true);
          // A limit of one code unit would never let a pair through.
          expect(content.length + reasoning.length).toBeLessThanOrEqual(Math.max(limit, 2));
        }
      }),
    );
  });

  it('gives nothing from beyond the end, and goes on when the text has reached it', () => {
    const growing = live({ content: 'abc', reasoning: '' });
    expect(growing.read({ content: 5, reasoning: 0 }, 10)).toBeNull();
    growing.append({ content: 'defg' });
    expect(growing.read({ content: 5, reasoning: 0 }, 10)).toMatchObject({ content: 'fg', reasoning: '' });
  });

  it('shows nothing more while delivery is held, and all of it once released', () => {
    const growing = live({ content: 'abc', reasoning: '' });
    growing.hold();
    growing.append({ content: 'def', reasoning: 'x' });
    expect(readAll(growing, startOfAnswer, 10).end).toEqual({ content: 3, reasoning: 0 });
    expect(growing.readAll(startOfAnswer)).toMatchObject({ content: 'abcdef', reasoning: 'x' });
    growing.hold();
    growing.release();
    expect(readAll(growing, startOfAnswer, 10).end).toEqual({ content: 6, reasoning: 1 });
  });
});

describe('Waiting', () => {
  it('ends when the text grows past the offset, at once where it has, and leaves no waiter', async () => {
    const growing = live({ content: 'abc', reasoning: '' });
    await growing.grown({ content: 2, reasoning: 0 }, never);
    const waiting = growing.grown({ content: 3, reasoning: 0 }, never);
    expect(growing.waiters).toBe(1);
    growing.append({ reasoning: 'x' });
    await waiting;
    expect(growing.waiters).toBe(0);
  });

  it('is not woken by what is held back, but by its release and by the end', async () => {
    const growing = live({ content: 'abc', reasoning: '' });
    growing.hold();
    let woken = 0;
    const waiting = growing.grown(growing.shown, never).then(() => (woken += 1));
    growing.append({ content: 'd' });
    await Promise.resolve();
    expect(woken).toBe(0);
    growing.release();
    await waiting;
    growing.hold();
    const forTheEnd = growing.grown(growing.shown, never);
    growing.finish(null);
    await forTheEnd;
    expect(growing.ended).toBe(true);
  });

  it('ends when it is aborted, before and after, and leaves neither a waiter nor a listener', async () => {
    const growing = new LiveText();
    const abort = new AbortController();
    const waiting = growing.grown(startOfAnswer, abort.signal);
    const forTheEnd = growing.finished(abort.signal);
    abort.abort();
    await Promise.all([waiting, forTheEnd, growing.grown(startOfAnswer, abort.signal)]);
    expect(growing.waiters).toBe(0);
  });

  it('for the end passes over growth', async () => {
    const growing = new LiveText();
    let ended = false;
    const waiting = growing.finished(never).then(() => (ended = true));
    for (const content of ['a', 'b', 'c']) {
      growing.append({ content });
      await new Promise(setImmediate);
    }
    expect(ended).toBe(false);
    growing.finish(null);
    await waiting;
  });

  it('knows the first end that it was told', () => {
    const ending = new LiveText();
    ending.finish(null);
    expect(ending.final).toBeNull();
    expect(ending.ended).toBe(true);
  });
});
