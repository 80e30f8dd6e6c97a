import { ParleyError } from '../errors.js';
import { messageTerm } from '../messages/message-terms.js';
import { messagePlace } from '../messages/message-texts.js';
import type { Querier } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { EventLoopShare } from '../platform/event-loop-share.js';
import { saysWordBeginning } from './passage.js';
import { type Candidate, findCandidates, findMatches, type Look, type Match } from './search.repository.js';

/** How many candidates are opened at most: a few first, which are enough where many say such a word. */
const batches = [100, 900];
/** Of their sealed contents together. */
const mostBytes = 4 * 1024 * 1024;

export interface Found {
  readonly matches: readonly Match[];
  /** False where more may say the words: the bound was reached, or a candidate could not be opened. */
  readonly complete: boolean;
}

export interface Unfinished {
  /** Terms of the words that are said whole. */
  readonly terms: readonly string[];
  readonly word: string;
  readonly most: number;
}

/**
 * Messages that say all words, and one that begins with the unfinished one: no term says that, so candidates are opened,
 * from the near end on and within a bound. Beyond it the index knows those that say the unfinished word as it stands.
 */
export async function findUnfinished(
  querier: Querier,
  keys: OwnerKeys,
  look: Look,
  { terms, word, most }: Unfinished,
): Promise<Found> {
  const term = messageTerm(keys, word);
  const share = new EventLoopShare();
  const matches: Match[] = [];
  let { from } = look;
  let bytesLeft = mostBytes;
  let isDamaged = false;
  for (const size of batches) {
    const wanted = { terms, term, most: size, mostBytes: bytesLeft };
    const candidates = await findCandidates(querier, { ...look, from }, wanted);
    for (const candidate of candidates) {
      const says = candidate.says_it || (await saysIt(keys, candidate, word, share));
      if (says) matches.push(candidate);
      isDamaged ||= says === null;
      if (matches.length === most) return { matches, complete: !isDamaged };
      from = candidate.key;
      bytesLeft -= (candidate.content?.length ?? 0) * base64Bytes;
    }
    const all = candidates[0]?.candidates ?? 0;
    if (all < size && candidates.length === all) return { matches, complete: !isDamaged };
    if (bytesLeft <= 0) break;
  }
  const further = await findMatches(querier, { ...look, from }, [...terms, term], most - matches.length);
  return { matches: [...matches, ...further], complete: false };
}

const base64Bytes = 3 / 4;

/** Null where it cannot be opened. */
async function saysIt(
  keys: OwnerKeys,
  { id, content }: Candidate,
  word: string,
  share: EventLoopShare,
): Promise<boolean | null> {
  if (content === null) return false;
  if (share.isSpent) await share.renew();
  try {
    const text = keys.open(messagePlace(id, 'content'), Buffer.from(content, 'base64'));
    return await saysWordBeginning(text, word, share);
  } catch (error) {
    if (error instanceof ParleyError && error.code === 'DATA_INTEGRITY') return null;
    throw error;
  }
}
