import type { StoredMessage } from '../history.js';
import type { Wish } from '../operations.js';

/** Which wish a stored message came of, and what of it it is: each part of a wish is stored once at most. */
export interface Origin {
  readonly wish: Wish;
  readonly part: 'question' | 'answer' | number;
}

/** By the keys and texts that messages hold; nobody but a wish that is known made what is in here. Parents come first. */
export function originsOf(
  messages: Iterable<StoredMessage>,
  asks: readonly Wish[],
  appends: readonly Wish[],
): ReadonlyMap<string, Origin> {
  const byKey = new Map(asks.map((wish) => [wish.key, wish]));
  const byText = new Map<string, Origin>();
  /** An erased text says nothing any more: whoever erased it had been told its id. */
  const told = new Map<string, Origin>();
  for (const wish of appends) {
    for (const [part, text] of textsOf(wish).entries()) byText.set(text, { wish, part });
    for (const [part, id] of (wish.acknowledged?.result?.messages ?? []).entries()) told.set(id, { wish, part });
  }
  const origins = new Map<string, Origin>();
  for (const message of messages) {
    const origin =
      byText.get(message.content) ??
      askedAs(message, byKey.get(message.key), origins) ??
      (message.erased ? told.get(message.id) : undefined);
    if (origin) origins.set(message.id, origin);
  }
  return origins;
}

function askedAs(
  { role, key, parent }: StoredMessage,
  wish: Wish | undefined,
  origins: ReadonlyMap<string, Origin>,
): Origin | null {
  if (wish) return { wish, part: wish.kind === 'regenerateAnswer' ? 'answer' : 'question' };
  const asked = key === null && role === 'ASSISTANT' ? origins.get(parent ?? '') : undefined;
  return asked?.part === 'question' ? { wish: asked.wish, part: 'answer' } : null;
}

export const textsOf = ({ attempts }: Wish): readonly string[] => attempts[0]?.wrote ?? [];

/** The key of the one call of the model that answers it. */
export const callKeyOf = (wish: Wish): string =>
  wish.kind === 'regenerateAnswer' ? (textsOf(wish)[0] ?? '') : (wish.key ?? '');
