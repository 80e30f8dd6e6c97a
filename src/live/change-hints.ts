import type { PubSub } from '../platform/pubsub.js';

/** One channel for everything of a person's: followers of a conversation and of the list hear the same hints. */
export const ownerChannel = (ownerId: string) => `parley:owner:${ownerId}`;

export const encodeHint = (conversationId: string): string => JSON.stringify({ conversation: conversationId });

/** The conversation that changed; null for anything that is not one of ours. */
export function decodeHint(text: string): string | null {
  const hint = parse(text);
  if (typeof hint !== 'object' || hint === null || !('conversation' in hint)) return null;
  return typeof hint.conversation === 'string' ? hint.conversation : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Says on every instance that a conversation changed, after the commit. What changed is read from PostgreSQL, so a hint
 * that is lost costs time and nothing else.
 */
export function createChangeHints(pubsub: PubSub): (ownerId: string, conversationId: string) => void {
  return (ownerId, conversationId) => {
    pubsub.publish(ownerChannel(ownerId), encodeHint(conversationId)).catch(() => {
      // Redis is away: followers ask PostgreSQL every second meanwhile.
    });
  };
}
