import { describe, expect, it } from '@jest/globals';
import { beginningTerm, messageTerm, messageTerms } from '../../../src/messages/message-terms.js';
import { newDataKey, OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';

const dataKey = newDataKey(1);
const keys = new OwnerKeys(newId(), [dataKey]);
const others = new OwnerKeys(newId(), [newDataKey(1)]);

describe('The terms of a message', () => {
  it('are of its words and of the first three letters of each, once, in no order that tells anything', async () => {
    const wanted = [messageTerm(keys, 'lantern'), messageTerm(keys, 'an'), beginningTerm(keys, 'lantern')];
    expect(await messageTerms(keys, 'USER', 'Lantern, an LÄNTERN')).toEqual(wanted.sort());
    expect(beginningTerm(keys, 'an')).toBeNull();
    expect(beginningTerm(keys, '👩𝒳𝒴𝒵')).toBe(beginningTerm(keys, '👩𝒳𝒴'));
    expect(beginningTerm(keys, 'lan')).not.toBe(messageTerm(keys, 'lan'));
  });

  it('are 8 bytes as a signed number, and the same under later data keys; another owner has others', async () => {
    const [term = ''] = (await messageTerms(keys, 'ASSISTANT', 'an')) ?? [];
    expect(BigInt.asIntN(64, BigInt(term)).toString()).toBe(term);
    const rotated = new OwnerKeys(keys.ownerId, [dataKey, newDataKey(2)]);
    expect(await messageTerms(rotated, 'ASSISTANT', 'an')).toEqual([term]);
    expect(await messageTerms(others, 'ASSISTANT', 'an')).not.toEqual([term]);
  });

  it('are none for what is not to be found', async () => {
    expect(await messageTerms(keys, 'SYSTEM', 'Lantern')).toBeNull();
    expect(await messageTerms(keys, 'TOOL', 'Lantern')).toBeNull();
    expect(await messageTerms(keys, 'USER', '')).toBeNull();
    expect(await messageTerms(keys, 'USER', '🧀 … !')).toBeNull();
  });

  it('are bounded, however many words a text has', async () => {
    const text = Array.from({ length: 10_000 }, (_, n) => `${n}word`).join(' ');
    const terms = (await messageTerms(keys, 'USER', text)) ?? [];
    expect(terms).toContain(messageTerm(keys, '4095word'));
    expect(terms).not.toContain(messageTerm(keys, '4096word'));
    expect(terms.length).toBeLessThanOrEqual(2 * 4096);
  });

  it('of a mebibyte leave the event loop its turns', async () => {
    let turns = 0;
    let done = false;
    const turn = () => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    await messageTerms(keys, 'USER', 'a wörd and “another” '.repeat(50_000));
    done = true;
    expect(turns).toBeGreaterThan(5);
  });
});
