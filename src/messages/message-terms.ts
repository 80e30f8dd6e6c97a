import type { OwnerKeys } from '../platform/encryption.js';
import { EventLoopShare } from '../platform/event-loop-share.js';
import { blocksOf } from '../platform/text-blocks.js';
import { wordsOf } from '../platform/words.js';
import type { Role } from './message-row.js';

/** What a message is found by, as PostgreSQL takes a bigint; sorted, so that they do not tell the order of its words. */
export type MessageTerms = readonly string[];

/** Different words of one message that are kept at most: each is written into an index. */
const mostTerms = 4096;

/** People look for what they said and what they were told; not for instructions, or for what tools said to the model. */
const isSearched = (role: Role) => role === 'USER' || role === 'ASSISTANT';

/** The term of a folded word; marked, so that a title and a message that say the same do not have the same term. */
export const messageTerm = (keys: OwnerKeys, word: string): string =>
  keys.term(`m:${word}`).readBigInt64BE().toString();

/** The terms of a message's content, of its first 4,096 different words; null where it is not to be found. */
export async function messageTerms(keys: OwnerKeys, role: Role, content: string): Promise<MessageTerms | null> {
  if (!isSearched(role)) return null;
  const words = new Set<string>();
  const terms: string[] = [];
  const share = new EventLoopShare();
  for (const block of blocksOf(content)) {
    for (const word of wordsOf(block.text)) {
      if (words.has(word) || words.size >= mostTerms) continue;
      words.add(word);
      terms.push(messageTerm(keys, word));
    }
    if (words.size >= mostTerms) break;
    if (share.isSpent) await share.renew();
  }
  return terms.length === 0 ? null : terms.sort();
}
