import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  type ChannelMessage,
  channelOf,
  decodeMessage,
  encodeDelta,
  encodeMessage,
  openDelta,
} from '../../../src/answers/channel.js';
import { OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { fc } from '../../support/fast-check.js';

type Delta = Extract<ChannelMessage, { type: 'delta' }>;

const keysOf = (ownerId: string) => new OwnerKeys(ownerId, [{ id: 1, key: randomBytes(32) }]);
const keys = keysOf(newId());
const answerId = newId();
const piece = { from: { content: 3, reasoning: 7 }, content: 'é日🦜', reasoning: 'so' };

function sealed(of = piece): Delta {
  const message = decodeMessage(encodeDelta(keys, answerId, of));
  if (message?.type !== 'delta') throw new Error('A delta reads as something else.');
  return message;
}

describe('The channel of an answer', () => {
  it('carries every kind of message as it was said', () => {
    const messages: ChannelMessage[] = [
      { type: 'alive', content: 0, reasoning: 12 },
      { type: 'ask', content: 5, reasoning: 0 },
      { type: 'cancel' },
      { type: 'settled' },
      { type: 'delta', content: 1, reasoning: 2, sealed: 'AAAA' },
    ];
    for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it('is one channel an answer', () => {
    expect(channelOf(answerId)).toBe(`parley:answer:${answerId}`);
  });

  it('carries any text between any offsets, and never in clear', () => {
    const pieces = fc.record({
      from: fc.record({ content: fc.nat(), reasoning: fc.nat() }),
      content: fc.string({ unit: 'grapheme' }),
      reasoning: fc.string({ unit: 'grapheme' }),
    });
    fc.assert(
      fc.property(pieces, (one) => {
        expect(openDelta(keys, answerId, sealed(one))).toEqual(one);
      }),
    );
    const canary = 'canary-'.repeat(5);
    expect(encodeDelta(keys, answerId, { ...piece, content: canary })).not.toContain('canary');
  });

  it('opens a delta for its answer, its owner and both of its offsets only: DATA_INTEGRITY', () => {
    const delta = sealed();
    const flipped = `${delta.sealed.slice(0, 40)}${delta.sealed[40] === 'A' ? 'B' : 'A'}${delta.sealed.slice(41)}`;
    const attempts = [
      () => openDelta(keys, newId(), delta),
      () => openDelta(keysOf(keys.ownerId), answerId, delta),
      () => openDelta(keys, answerId, { ...delta, content: 4 }),
      () => openDelta(keys, answerId, { ...delta, reasoning: 6 }),
      () => openDelta(keys, answerId, { ...delta, sealed: flipped }),
      () => openDelta(keys, answerId, { ...delta, sealed: '' }),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(expect.objectContaining({ code: 'DATA_INTEGRITY' }));
    expect(openDelta(keys, answerId, delta)).toEqual(piece);
  });

  it('takes whatever else stands there for nothing, and never throws', () => {
    const foreign = [
      '',
      'hello',
      '{',
      'null',
      '7',
      '[]',
      '{}',
      '{"type":"dance"}',
      '{"type":"alive"}',
      '{"type":"ask","content":-1,"reasoning":0}',
      '{"type":"ask","content":1.5,"reasoning":0}',
      '{"type":"ask","content":"1","reasoning":0}',
      '{"type":"ask","content":1e400,"reasoning":0}',
      '{"type":"delta","content":0,"reasoning":0}',
      '{"type":"delta","content":0,"reasoning":0,"sealed":7}',
    ];
    for (const text of foreign) expect(decodeMessage(text)).toBeNull();
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeMessage(text)));
  });
});
