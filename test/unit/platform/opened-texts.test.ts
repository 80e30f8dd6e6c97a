import { describe, expect, it } from '@jest/globals';
import { ParleyError } from '../../../src/errors.js';
import { newDataKey, OwnerKeys, type Place } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { OpenedTexts } from '../../../src/platform/opened-texts.js';
import { ManualClock } from '../../support/manual-clock.js';

/** Counts what is opened in earnest. */
class CountingKeys extends OwnerKeys {
  opened = 0;

  override open(place: Place, sealed: Buffer): string {
    this.opened += 1;
    return super.open(place, sealed);
  }
}

/** Not at its zero, at which lru-cache takes an entry for one without a time. */
async function startedClock(): Promise<ManualClock> {
  const clock = new ManualClock();
  await clock.advance(1);
  return clock;
}

const newKeys = () => new CountingKeys(newId(), [newDataKey(1)]);
const newPlace = (): Place => ({ table: 'messages', row: newId(), column: 'content' });
const seal = (keys: OwnerKeys, place: Place, text: string) => keys.seal(place, text).toString('base64');

function outcomeOf(open: () => string): string {
  try {
    return open();
  } catch (error) {
    if (error instanceof ParleyError) return error.code;
    throw error;
  }
}

describe('Opened texts', () => {
  it('are kept, so that a page read twice is opened once', () => {
    const texts = new OpenedTexts(100_000, new ManualClock());
    const keys = newKeys();
    const place = newPlace();
    const sealed = seal(keys, place, 'Hello');
    expect([1, 2, 3].map(() => texts.open(keys, place, 1, sealed))).toEqual(['Hello', 'Hello', 'Hello']);
    expect(keys.opened).toBe(1);
  });

  it('are kept for 60 s at most, however often they are read', async () => {
    const clock = await startedClock();
    const texts = new OpenedTexts(100_000, clock);
    const keys = newKeys();
    const place = newPlace();
    const sealed = seal(keys, place, 'Hello');
    for (let second = 0; second < 60; second += 1) {
      texts.open(keys, place, 1, sealed);
      await clock.advance(1000);
    }
    expect(keys.opened).toBe(1);
    await clock.advance(1);
    texts.open(keys, place, 1, sealed);
    expect(keys.opened).toBe(2);
  });

  it('stay within their bytes: the oldest go first, and one that is larger than all is not kept', () => {
    const texts = new OpenedTexts(20_000, new ManualClock());
    const keys = newKeys();
    const places = Array.from({ length: 10 }, newPlace);
    const sealed = places.map((place) => seal(keys, place, 'x'.repeat(2000)));
    const readAll = () => places.map((place, index) => texts.open(keys, place, 1, sealed[index] ?? ''));
    readAll();
    keys.opened = 0;
    texts.open(keys, places[9] ?? newPlace(), 1, sealed[9] ?? '');
    expect(keys.opened).toBe(0);
    texts.open(keys, places[0] ?? newPlace(), 1, sealed[0] ?? '');
    expect(keys.opened).toBe(1);
    const large = newPlace();
    const sealedLarge = seal(keys, large, 'x'.repeat(20_000));
    texts.open(keys, large, 1, sealedLarge);
    texts.open(keys, large, 1, sealedLarge);
    expect(keys.opened).toBe(3);
  });
});

describe('An opened text', () => {
  it.each<[string, (given: { keys: CountingKeys; place: Place }) => { keys: OwnerKeys; place: Place }]>([
    ['another owner', ({ place }) => ({ keys: newKeys(), place })],
    ['another row', ({ keys, place }) => ({ keys, place: { ...place, row: newId() } })],
    ['another column', ({ keys, place }) => ({ keys, place: { ...place, column: 'reasoning' } })],
    ['another table', ({ keys, place }) => ({ keys, place: { ...place, table: 'conversations' } })],
  ])('is not given to %s', (_what, other) => {
    const texts = new OpenedTexts(100_000, new ManualClock());
    const keys = newKeys();
    const place = newPlace();
    const sealed = seal(keys, place, 'Hello');
    texts.open(keys, place, 1, sealed);
    const moved = other({ keys, place });
    expect(() => texts.open(moved.keys, moved.place, 1, sealed)).toThrow(
      expect.objectContaining({ extensions: { code: 'DATA_INTEGRITY' } }),
    );
  });

  it('follows a text that changed, with its revision or without', () => {
    const texts = new OpenedTexts(100_000, new ManualClock());
    const keys = newKeys();
    const place = newPlace();
    expect(texts.open(keys, place, 1, seal(keys, place, 'before'))).toBe('before');
    expect(texts.open(keys, place, 2, seal(keys, place, 'after'))).toBe('after');
    expect(texts.open(keys, place, 2, seal(keys, place, 'once more'))).toBe('once more');
  });

  it('is never what damage made of it: what is kept is the text that was sealed here', async () => {
    const clock = await startedClock();
    const texts = new OpenedTexts(100_000, clock);
    const keys = newKeys();
    const place = newPlace();
    const sealed = keys.seal(place, 'a text of some length');
    const flipped = [0, 4, 10, 20, sealed.length - 1].map((at) => {
      const copy = Buffer.from(sealed);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy.toString('base64');
    });
    const open = (given: string) => () => texts.open(keys, place, 1, given);
    expect(open(sealed.toString('base64'))()).toBe('a text of some length');
    for (const given of flipped) expect(outcomeOf(open(given))).toMatch(/^(a text of some length|DATA_INTEGRITY)$/);
    await clock.advance(60_001);
    for (const given of flipped) expect(outcomeOf(open(given))).toBe('DATA_INTEGRITY');
  });

  it('is gone when its place is forgotten, whatever revisions it was read at, and others stay', () => {
    const texts = new OpenedTexts(100_000, new ManualClock());
    const keys = newKeys();
    const [place, other] = [newPlace(), newPlace()];
    const [sealed, sealedOther] = [seal(keys, place, 'Hello'), seal(keys, other, 'You')];
    for (const revision of [1, 2]) texts.open(keys, place, revision, sealed);
    texts.open(keys, other, 1, sealedOther);
    keys.opened = 0;
    texts.forget(keys.ownerId, place);
    texts.open(keys, other, 1, sealedOther);
    expect(keys.opened).toBe(0);
    for (const revision of [1, 2]) texts.open(keys, place, revision, sealed);
    expect(keys.opened).toBe(2);
  });
});
