import { describe, expect, it } from '@jest/globals';
import { LiveText, startOfAnswer } from '../../../src/answers/live-text.js';

const at = (content: number) => ({ content, reasoning: 0 });

describe('A crowd of followers', () => {
  it('holds one piece for all who stand at the same offset, until more is shown', () => {
    const live = new LiveText();
    live.append({ content: 'One, two' });
    const [first, later] = [live.read(startOfAnswer, 100), live.read(at(5), 100)];
    expect(live.read(startOfAnswer, 100)).toBe(first);
    expect(live.read(at(5), 100)).toBe(later);
    expect(live.read(at(5), 2)).toMatchObject({ content: 'tw' });
    live.append({ content: ', three' });
    expect(live.read(startOfAnswer, 100)?.content).toBe('One, two, three');
    expect(live.read(at(5), 100)?.content).toBe('two, three');
  });

  it('is shown nothing that is held back, and all of it afterwards', () => {
    const live = new LiveText();
    live.append({ content: 'One' });
    live.hold();
    live.append({ content: ', two' });
    expect(live.read(startOfAnswer, 100)?.content).toBe('One');
    live.release();
    expect(live.read(startOfAnswer, 100)?.content).toBe('One, two');
  });

  it('of which everyone stands elsewhere costs no more than the last eight pieces', () => {
    const live = new LiveText();
    live.append({ content: 'x'.repeat(1000) });
    const pieces = Array.from({ length: 20 }, (_, offset) => live.read(at(offset), 100));
    expect(live.read(at(19), 100)).toBe(pieces[19]);
    expect(live.read(at(12), 100)).toBe(pieces[12]);
    expect(live.read(at(11), 100)).not.toBe(pieces[11]);
    expect(live.read(at(11), 100)).toEqual(pieces[11]);
  });
});
