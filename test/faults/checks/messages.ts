import type { StoredMessage } from '../history.js';
import type { Wish } from '../operations.js';
import type { Check, Found } from './found.js';
import { type Origin, textsOf } from './origins.js';

/** Acknowledged ⊆ stored: what was acknowledged is there, as it was written, unless its conversation was deleted. */
export const nothingLost: Check = (found) => [
  ...found.asks.flatMap((wish) => lostOfAsk(found, wish)),
  ...found.appends.flatMap((wish) => lostOfAppend(found, wish)),
  ...lostConversations(found),
];

function lostOfAsk(found: Found, { key, kind, acknowledged }: Wish): string[] {
  const { conversation, messages = [] } = acknowledged?.result ?? {};
  if (!acknowledged || !conversation || found.isDeleted(conversation)) return [];
  const lost: string[] = [];
  const answer = messages.at(-1) ?? '';
  if (!found.messages.has(answer)) lost.push(`The answer ${answer} of key ${key} was acknowledged and is not stored.`);
  if (kind === 'regenerateAnswer') return lost;
  const question = messages[0] ?? '';
  const stored = found.messages.get(question);
  if (!stored) return [...lost, `The question ${question} of key ${key} was acknowledged and is not stored.`];
  if (stored.content !== textIn(stored, acknowledged.wrote[0]))
    lost.push(`The question ${question} is stored with another text.`);
  if (stored.conversation !== conversation) lost.push(`The question ${question} is stored in another conversation.`);
  return lost;
}

/** What is left of a text; whether it was to be erased is a check of its own. */
const textIn = ({ erased }: StoredMessage, written: string | undefined) => (erased ? '' : written);

function lostOfAppend(found: Found, { key, acknowledged }: Wish): string[] {
  const { conversation, messages = [] } = acknowledged?.result ?? {};
  if (!acknowledged || !conversation || found.isDeleted(conversation)) return [];
  return messages.flatMap((id, index) => {
    const stored = found.messages.get(id);
    if (!stored) return [`The appended message ${id} of key ${key} was acknowledged and is not stored.`];
    return stored.content === textIn(stored, acknowledged.wrote[index])
      ? []
      : [`The message ${id} is stored with another text.`];
  });
}

function lostConversations(found: Found): string[] {
  const acknowledged = found.attempts.filter(
    ({ kind, outcome }) => outcome === 'ok' && (kind === 'createConversation' || kind === 'sendMessage'),
  );
  const ids = new Set(acknowledged.map(({ result }) => result?.conversation ?? ''));
  return [...ids].flatMap((id) =>
    found.stored.a.get(id)?.messages || found.isDeleted(id)
      ? []
      : [`The conversation ${id} was acknowledged, nobody deleted it, and it is not there.`],
  );
}

/** Stored ⊆ acknowledged ∪ unknown, one row per key, and a batch whole or not at all. */
export const nothingInvented: Check = (found) => {
  const rows = new Map<string, string>();
  const nameOf = (wish: Wish, part: Origin['part']) => `${wish.key}/${part}`;
  const wrong: string[] = [];
  for (const { id } of found.messages.values()) {
    const origin = found.origins.get(id);
    if (!origin) {
      wrong.push(`The message ${id} is stored, and nobody wrote it.`);
      continue;
    }
    const { wish, part } = origin;
    const other = rows.get(nameOf(wish, part));
    if (other) wrong.push(`The messages ${other} and ${id} are both stored for the key ${wish.key}.`);
    rows.set(nameOf(wish, part), id);
    if (!wish.possible) wrong.push(`The message ${id} is stored, though its key ${wish.key} was refused.`);
    const said = wish.acknowledged?.result?.messages;
    if (said && !said.includes(id)) wrong.push(`The key ${wish.key} was acknowledged as another message than ${id}.`);
  }
  for (const wish of found.appends) {
    const texts = textsOf(wish).length;
    const stored = textsOf(wish).filter((_, part) => rows.has(nameOf(wish, part))).length;
    if (stored > 0 && stored < texts) wrong.push(`Of the batch ${wish.key} ${stored} of ${texts} messages are stored.`);
  }
  return [...wrong, ...undecided(found), ...inventedConversations(found)];
};

/** Each attempt with one key must be told the same. */
function undecided(found: Found): string[] {
  return [...found.asks, ...found.appends].flatMap(({ key, attempts }) => {
    const said = attempts.filter(({ outcome }) => outcome === 'ok').map(({ result }) => JSON.stringify(result));
    return new Set(said).size > 1 ? [`The key ${key} was acknowledged in different ways: ${said.join(' and ')}.`] : [];
  });
}

function inventedConversations(found: Found): string[] {
  const makers = found.attempts.filter(({ conversation }) => conversation === null);
  const possible = new Set([...found.asks, ...found.creates].filter((wish) => wish.possible).map(({ key }) => key));
  const known = new Set(makers.map(({ key }) => key));
  const there = [...found.stored.a.values()].filter(({ messages }) => messages);
  const byKey = Map.groupBy(there, ({ key }) => key);
  return [...byKey].flatMap(([key, rows]) => {
    const names = rows.map(({ conversation }) => conversation).join(' and ');
    if (!known.has(key) || !possible.has(key)) return [`The conversations ${names} are there, and nobody made them.`];
    return rows.length > 1 ? [`The conversations ${names} are both stored for the key ${key}.`] : [];
  });
}

/** What was deleted is nowhere. */
export const deletedIsGone: Check = (found) => {
  const rows = new Map(found.of('rows').map((one) => [one.conversation, one.rows]));
  const deleted = found.attempts.filter(({ kind, outcome }) => kind === 'deleteConversations' && outcome === 'ok');
  return [...new Set(deleted.map(({ conversation }) => conversation ?? ''))].flatMap((id) => {
    const there = (['a', 'b'] as const).filter((name) => found.stored[name].get(id)?.messages);
    if (there.length > 0) return [`The conversation ${id} was deleted, and instance ${there.join(' and ')} gives it.`];
    return rows.get(id)?.length ? [`The conversation ${id} was deleted, and its messages are in the database.`] : [];
  });
};
