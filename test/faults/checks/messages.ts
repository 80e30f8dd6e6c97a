import type { Wish } from '../operations.js';
import type { Check, Found } from './found.js';

/** Acknowledged ⊆ stored: what was acknowledged is there, as it was written, unless its conversation was deleted. */
export const nothingLost: Check = (found) => [
  ...found.sends.flatMap((wish) => lostOfSend(found, wish)),
  ...found.appends.flatMap((wish) => lostOfAppend(found, wish)),
  ...lostConversations(found),
];

function lostOfSend(found: Found, { key, acknowledged }: Wish): string[] {
  const { conversation, messages: [question = '', answer = ''] = [] } = acknowledged?.result ?? {};
  if (!acknowledged || !conversation || found.isDeleted(conversation)) return [];
  const stored = found.messages.get(question);
  if (!stored) return [`The question ${question} of key ${key} was acknowledged and is not stored.`];
  const lost: string[] = [];
  if (stored.content !== acknowledged.wrote[0]) lost.push(`The question ${question} is stored with another text.`);
  if (stored.conversation !== conversation) lost.push(`The question ${question} is stored in another conversation.`);
  if (!found.messages.has(answer)) lost.push(`The answer ${answer} of key ${key} was acknowledged and is not stored.`);
  return lost;
}

function lostOfAppend(found: Found, { key, acknowledged }: Wish): string[] {
  const { conversation, messages = [] } = acknowledged?.result ?? {};
  if (!acknowledged || !conversation || found.isDeleted(conversation)) return [];
  return messages.flatMap((id, index) => {
    const stored = found.messages.get(id);
    if (!stored) return [`The appended message ${id} of key ${key} was acknowledged and is not stored.`];
    return stored.content === acknowledged.wrote[index] ? [] : [`The message ${id} is stored with another text.`];
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
  const sends = new Map(found.sends.map((wish) => [wish.key, wish]));
  const appends = new Map(found.appends.flatMap((wish) => textsOf(wish).map((text) => [text, wish] as const)));
  const rowsOfKey = new Map<string, string>();
  const rowsOfText = new Map<string, string>();
  const wrong: string[] = [];
  for (const message of found.messages.values()) {
    const { id, content, key, role } = message;
    const batch = appends.get(content);
    const wish = batch ?? (key === null ? undefined : sends.get(key));
    if (wish) {
      const rows = batch ? rowsOfText : rowsOfKey;
      const name = batch ? content : (key ?? '');
      const other = rows.get(name);
      if (other) wrong.push(`The messages ${other} and ${id} are both stored for the key ${wish.key}.`);
      rows.set(name, id);
      if (!wish.possible) wrong.push(`The message ${id} is stored, though its key ${wish.key} was refused.`);
      const said = wish.acknowledged?.result?.messages;
      if (said && !said.includes(id)) wrong.push(`The key ${wish.key} was acknowledged as another message than ${id}.`);
    } else if (role !== 'ASSISTANT' || message.parent === null || !isAnswered(found, message.parent)) {
      wrong.push(`The message ${id} is stored, and nobody wrote it.`);
    }
  }
  for (const wish of found.appends) wrong.push(...halfBatch(wish, rowsOfText));
  return [...wrong, ...doubledAnswers(found), ...undecided(found), ...inventedConversations(found)];
};

const textsOf = ({ attempts }: Wish) => attempts[0]?.wrote ?? [];
const isAnswered = (found: Found, id: string) => found.messages.get(id)?.key !== null;

function halfBatch(wish: Wish, rows: ReadonlyMap<string, string>): string[] {
  const texts = textsOf(wish);
  const stored = texts.filter((text) => rows.has(text)).length;
  return stored === 0 || stored === texts.length
    ? []
    : [`Of the batch ${wish.key} ${stored} of ${texts.length} messages are stored.`];
}

function doubledAnswers(found: Found): string[] {
  const answers = [...found.messages.values()].filter(
    ({ role, parent, content }) => role === 'ASSISTANT' && parent !== null && !content.startsWith('appended '),
  );
  const byQuestion = Map.groupBy(answers, ({ parent }) => parent ?? '');
  return [...byQuestion].flatMap(([question, rows]) =>
    rows.length > 1 ? [`The question ${question} has the answers ${rows.map(({ id }) => id).join(' and ')}.`] : [],
  );
}

/** Each attempt with one key must be told the same. */
function undecided(found: Found): string[] {
  return [...found.sends, ...found.appends].flatMap(({ key, attempts }) => {
    const said = attempts.filter(({ outcome }) => outcome === 'ok').map(({ result }) => JSON.stringify(result));
    return new Set(said).size > 1 ? [`The key ${key} was acknowledged in different ways: ${said.join(' and ')}.`] : [];
  });
}

function inventedConversations(found: Found): string[] {
  const makers = found.attempts.filter(({ conversation }) => conversation === null);
  const possible = new Set([...found.sends, ...found.creates].filter((wish) => wish.possible).map(({ key }) => key));
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
