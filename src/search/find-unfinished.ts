import { isParleyError } from '../errors.js';
import { beginningCodePoints, beginningTerm, messageTerm } from '../messages/message-terms.js';
import { messagePlace } from '../messages/message-texts.js';
import type { Querier } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { EventLoopShare } from '../platform/event-loop-share.js';
import { saysWordBeginning } from './passage.js';
import { type Candidate, findCandidates, findMatches, type Look, type Match } from './search.repository.js';

/** How many candidates are opened at most. */
const mostCandidates = 300;
/** A few first, or a page of them: enough where many say such a word. */
const firstCandidates = 100;
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
 * Messages that say all words, and one that begins with the unfinished one. The index knows whose words begin with the
 * same three letters; what follows these no term says, so candidates are opened, from the near end on and within a bound.
 * Beyond it the index knows those that say the unfinished word as it stands.
 */
export async function findUnfinished(
  querier: Querier,
  keys: OwnerKeys,
  look: Look,
  { terms: whole, word, most }: Unfinished,
): Promise<Found> {
  const term = messageTerm(keys, word);
  const beginning = beginningTerm(keys, word);
  const terms = beginning === null ? whole : [...whole, beginning];
  // A term says all of it.
  if (beginning !== null && Array.from(word).length === beginningCodePoints) {
    return { matches: await findMatches(querier, look, terms, most), complete: true };
  }
  const share = new EventLoopShare();
  const matches: Match[] = [];
  let { from } = look;
  let bytesLeft = mostBytes;
  let isDamaged = false;
  const first = Math.max(firstCandidates, most);
  for (const size of [first, mostCandidates - first].filter((count) => count > 0)) {
    // One more says that there are more.
    const wanted = { terms, term, most: size + 1, mostBytes: bytesLeft };
    const candidates = await findCandidates(querier, { ...look, from }, wanted);
    for (const candidate of candidates.slice(0, size)) {
      const says = candidate.says_it || (await saysIt(keys, candidate, word, share));
      if (says) matches.push(candidate);
      isDamaged ||= says === null;
      if (matches.length === most) return { matches, complete: !isDamaged };
      from = candidate.key;
      bytesLeft -= Buffer.byteLength(candidate.content ?? '', 'base64');
    }
    const all = candidates[0]?.candidates ?? 0;
    if (all <= size && candidates.length === all) return { matches, complete: !isDamaged };
    if (bytesLeft <= 0) break;
  }
  const further = await findMatches(querier, { ...look, from }, [...whole, term], most - matches.length);
  return { matches: [...matches, ...further], complete: false };
}

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
    if (isParleyError(error, 'DATA_INTEGRITY')) return null;
    throw error;
  }
}
