import { afterAll, beforeEach } from '@jest/globals';
import { Stalls } from './stalls.js';

const stalls = new Stalls();
beforeEach(() => stalls.start());
afterAll(() => stalls.end());

/** A promised bound, and what this machine has let everybody wait in this test: next to nothing where it has time. */
export const atMost = (ms: number): number => ms + stalls.mostMs;
