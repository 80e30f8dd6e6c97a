import { describe, expect, it } from '@jest/globals';
import { instantFromMs, instantFromPostgres } from '../../../src/platform/instant.js';
import { fc } from '../../support/fast-check.js';

describe('An instant', () => {
  it.each([
    ['2026-11-20 12:00:00+00', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20 12:00:00.1+00', '2026-11-20T12:00:00.100Z'],
    ['2026-11-20 12:00:00.12+00', '2026-11-20T12:00:00.120Z'],
    ['2026-11-20 12:00:00.123+00', '2026-11-20T12:00:00.123Z'],
    ['2026-11-20 12:00:00.001+00', '2026-11-20T12:00:00.001Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31 23:59:59.999+00', '9999-12-31T23:59:59.999Z'],
  ])('is read from %s as PostgreSQL writes it in UTC', (text, instant) => {
    expect(instantFromPostgres(text)).toBe(instant);
  });

  it.each([
    ['2026-11-20 12:00:00.5+02', '2026-11-20T10:00:00.500Z'],
    ['2026-11-20 12:00:00.123456+00', '2026-11-20T12:00:00.123Z'],
    ['2026-11-20 12:00:00+05:30', '2026-11-20T06:30:00.000Z'],
  ])('is read from %s all the same, which another session or column would write', (text, instant) => {
    expect(instantFromPostgres(text)).toBe(instant);
  });

  it('is written as a Date writes itself, of any millisecond', () => {
    const anyMs = fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 11) });
    fc.assert(
      fc.property(anyMs, (ms) => {
        const iso = new Date(ms).toISOString();
        // PostgreSQL leaves trailing zeros of the fraction out, and a fraction of zero altogether.
        const stored = `${iso
          .slice(0, -1)
          .replace('T', ' ')
          .replace(/\.?0+$/, '')}+00`;
        const whole = stored.length < 22 ? `${iso.slice(0, 19).replace('T', ' ')}+00` : stored;
        return instantFromPostgres(whole) === iso && instantFromMs(ms) === iso;
      }),
    );
  });

  it.each(['infinity', '-infinity', '', 'now'])('that is none (%j) is refused, not made up', (text) => {
    expect(() => instantFromPostgres(text)).toThrow(RangeError);
  });
});
