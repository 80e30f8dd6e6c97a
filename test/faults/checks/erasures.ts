import { namesIn } from '../deployment/speech.js';
import { type Attempt, isPossible } from '../operations.js';
import type { Check, Found } from './found.js';
import { callKeyOf, type Origin, textsOf } from './origins.js';

/** What was erased says nothing from the acknowledgement on: not where it stands, in no read, and to no model. */
export const erasedIsGone: Check = (found) => {
  const erasures = found.attempts.filter(({ kind }) => kind === 'eraseMessage');
  const mayBe = new Set(erasures.filter(isPossible).map(({ message }) => message));
  const hasText = new Map(found.of('rows').flatMap(({ rows }) => rows.map((row) => [row.id, row.hasText] as const)));
  const stored = [...found.messages.values()].flatMap(({ id, erased, content, reasoning }) => {
    if (!erased) return [];
    if (!mayBe.has(id)) return [`The message ${id} is erased, and nobody had asked for that.`];
    const isEmpty = content === '' && reasoning === '' && !hasText.get(id);
    return isEmpty ? [] : [`The message ${id} was erased, and its text is stored.`];
  });
  const done = erasures.filter(({ outcome }) => outcome === 'ok');
  return [...stored, ...done.flatMap((erasure) => faultOfErasure(found, erasure))];
};

function faultOfErasure(found: Found, { message, endedMs }: Attempt): string[] {
  const id = message ?? '';
  const stored = found.messages.get(id);
  const origin = found.origins.get(id);
  if (!stored || !origin) return [];
  if (!stored.erased) return [`The message ${id} was erased, and its text is stored.`];
  const names = namesOf(origin);
  const isSaid = (says: readonly string[] | undefined) => says?.some((name) => names.includes(name)) ?? false;
  const reads = found.attempts.filter(({ startedMs, result }) => startedMs > endedMs && isSaid(result?.says));
  const asked = new Map(found.asks.map((wish) => [callKeyOf(wish), wish.startedMs]));
  const calls = found.of('model').filter(({ key, shown }) => (asked.get(key) ?? 0) > endedMs && isSaid(shown));
  const lists = found.of('listed').filter(({ conversations }) => isSaid(namesIn(conversations.flatMap(wordsOf))));
  return [
    ...reads.map(({ op }) => `Operation ${op} read what had been erased of ${id}.`),
    ...calls.map(({ key }) => `The model was shown what had been erased of ${id}, in the call ${key}.`),
    ...lists.map(({ person }) => `The list of ${person} says what had been erased of ${id}.`),
  ];
}

const wordsOf = ({ title, preview }: { readonly title: string; readonly preview: string | null }) => [title, preview];

/** By what its text can be told from all others. */
function namesOf({ wish, part }: Origin): string[] {
  if (part === 'answer') return ['content', 'reasoning'].map((text) => `${text} for ${callKeyOf(wish)}`);
  return namesIn([textsOf(wish)[part === 'question' ? 0 : part] ?? null]);
}
