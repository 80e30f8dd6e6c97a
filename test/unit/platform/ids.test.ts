import { describe, expect, it } from '@jest/globals';
import { fromPublicId, newId, toPublicId } from '../../../src/platform/ids.js';

const id = '0193466b-7e40-7cde-8f01-23456789abcd';
const publicId = 'msg_0193466b7e407cde8f0123456789abcd';

describe('A new id', () => {
  it('is a UUID of version 7', () => {
    for (let count = 0; count < 1000; count += 1) {
      expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it.each([0, 1, Date.UTC(2026, 10, 20, 12), 2 ** 48 - 1])('begins with its time (%i)', (atMs) => {
    expect(Number.parseInt(newId(atMs).replaceAll('-', '').slice(0, 12), 16)).toBe(atMs);
  });

  it('is in the order of time', () => {
    const times = [0, 1, 255, 256, 65_535, 2 ** 32, Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 20) + 1, 2 ** 48 - 1];
    const ids = times.map((atMs) => newId(atMs));
    expect([...ids].sort()).toEqual(ids);
  });

  it('is unlike any other of the same millisecond, and comes after those that were asked for before it', () => {
    const ids = Array.from({ length: 100_000 }, () => newId(1));
    expect(new Set(ids).size).toBe(100_000);
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe('A public id', () => {
  it('says its type and leads back to the id', () => {
    expect(toPublicId('msg', id)).toBe(publicId);
    expect(fromPublicId('msg', publicId)).toBe(id);
  });

  it.each(['usr', 'cnv'] as const)('of another type reads as not there (%s)', (prefix) => {
    expect(fromPublicId(prefix, publicId)).toBeNull();
  });

  it.each([
    '',
    id,
    publicId.slice(4),
    publicId.slice(0, -1),
    `${publicId}0`,
    `${publicId}\n`,
    ` ${publicId}`,
    publicId.toUpperCase(),
    `msg_${id}`,
    `${publicId.slice(0, -1)}g`,
    `msg_${'０'.repeat(32)}`,
    "msg_' OR 1=1 --",
    '__proto__',
  ])('that is none reads as not there (%j)', (given) => {
    expect(fromPublicId('msg', given)).toBeNull();
  });
});
