import { describe, expect, it } from '@jest/globals';
import { writeJsonObject } from '../../../src/platform/json-object.js';

describe('Metadata', () => {
  it.each([null, undefined, {}])('of %j is none', (value) => {
    expect(writeJsonObject('input.metadata', value, 16)).toBeNull();
  });

  it('is limited in bytes of its JSON, not in code units', () => {
    expect(writeJsonObject('input.metadata', { a: 'ü'.repeat(4) }, 16)).toBe('{"a":"üüüü"}');
    expect(() => writeJsonObject('input.metadata', { a: 'ü'.repeat(5) }, 17)).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field: 'input.metadata' } }),
    );
  });
});
