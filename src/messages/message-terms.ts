import type { OwnerKeys } from '../platform/encryption.js';
import { EventLoopShare } from '../platform/event-loop-share.js';
import { blocksOf } from '../platform/text-blocks.js';
import { findableWords } from '../platform/words.js';
import type { Role } from './message-row.js';

/** What a message is found by, as PostgreSQL takes a bigint; sorted, so that they do not tell the order of its words. */
export type MessageTerms = readonly string[];

/** Different words of one message that are kept at most: each is written into an index. */
const mostWords = 4096;
/** Code points of a word's beginning that have a term of their own: few messages have those of a rare word. */
export const beginningCodePoints = 3;

/** People look for what they said and what they were told; not for instructions, or for what tools said to the model. */
const isSearched = (role: Role) => role === 'USER' || role === 'ASSISTANT';

/** The term of a folded word; marked, so that a title and a message that say the same do not have the same term. */
export const messageTerm = (keys: OwnerKeys, word: string): string =>
  keys.term(`m:${word}`).readBigInt64BE().toString();

/** The term of the first code points of a folded word; null where it has fewer. */
export function beginningTerm(keys: OwnerKeys, word: string): string | null {
  const beginning = beginningOfWord(word);
  return beginning === null ? null : termOfBeginning(keys, beginning);
}

const termOfBeginning = (keys: OwnerKeys, beginning: string): string =>
  keys.term(`b:${beginning}`).readBigInt64BE().toString();

function beginningOfWord(word: string): string | null {
  const codePoints = Array.from(word.slice(0, 2 * beginningCodePoints));
  return codePoints.length < beginningCodePoints ? null : codePoints.slice(0, beginningCodePoints).join('');
}

/**
 * The terms of a message's content: of its first 4,096 different words, and of the beginnings of these, by which
 * candidates for an unfinished word are found. Null where the message is not to be found.
 */
export async function messageTerms(keys: OwnerKeys, role: Role, content: string): Promise<MessageTerms | null> {
  if (!isSearched(role)) return null;
  const words = new Set<string>();
  const beginnings = new Set<string>();
  const terms: string[] = [];
  const share = new EventLoopShare();
  for (const block of blocksOf(content)) {
    for (const word of findableWords(block.text)) {
      if (words.has(word) || words.size >= mostWords) continue;
      words.add(word);
      terms.push(messageTerm(keys, word));
      const beginning = beginningOfWord(word);
      if (beginning === null || beginnings.has(beginning)) continue;
      beginnings.add(beginning);
      terms.push(termOfBeginning(keys, beginning));
    }
    if (words.size >= mostWords) break;
    if (share.isSpent) await share.renew();
  }
  return terms.length === 0 ? null : terms.sort();
}
