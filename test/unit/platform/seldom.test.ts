import { expect, it } from '@jest/globals';
import { seldom } from '../../../src/platform/seldom.js';

it('Of failures in a row the first is told', () => {
  const told: unknown[] = [];
  const tell = seldom((error) => told.push(error));
  for (const error of ['first', 'second', 'third']) tell(error);
  expect(told).toEqual(['first']);
});
