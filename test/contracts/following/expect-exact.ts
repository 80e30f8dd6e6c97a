import { expect } from '@jest/globals';
import type { AnswerFollower, StoredAnswer } from '../../support/answer-follower.js';

/** What a follower was told is this text byte for byte, in its deltas and at its end, and the protocol was kept. */
export async function expectExact(
  follower: AnswerFollower,
  content: string,
  { reasoning = null, withinMs }: { reasoning?: string | null; withinMs?: number } = {},
): Promise<StoredAnswer> {
  const stored = await follower.end(withinMs);
  expect(follower.broken).toEqual([]);
  expect(follower.errors).toEqual([]);
  expect(Buffer.from(follower.content).equals(Buffer.from(content)) || follower.content).toBe(true);
  expect(Buffer.from(stored.content).equals(Buffer.from(content)) || stored.content).toBe(true);
  expect({ deltas: follower.text.reasoning, stored: stored.reasoning }).toEqual({
    deltas: reasoning ?? '',
    stored: reasoning,
  });
  return stored;
}
