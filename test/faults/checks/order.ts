import type { StoredConversation, StoredMessage } from '../history.js';
import type { Check, Found } from './found.js';

/** Both instances and the database give the same messages, in the same order. */
export const oneOrder: Check = (found) => {
  const rows = new Map(found.of('rows').map((one) => [one.conversation, one.rows]));
  const ids = new Set([...found.stored.a.keys(), ...found.stored.b.keys(), ...rows.keys()]);
  return [...ids].flatMap((id) => {
    const [a, b] = [found.stored.a.get(id), found.stored.b.get(id)];
    if (JSON.stringify(shownOf(a)) !== JSON.stringify(shownOf(b))) {
      return [`The instances give the conversation ${id} differently.`];
    }
    if (!a) return [`The database holds messages of the conversation ${id}, and no instance gives it.`];
    if (!a.messages) return [];
    const wrong: string[] = [];
    const order = a.messages.map((message) => message.id).join(' ');
    const inRows = (rows.get(id) ?? []).map((row) => row.id).join(' ');
    if (order !== inRows) wrong.push(`The database holds the messages of ${id} in another order than is given.`);
    return [...wrong, ...faultOfBranch(a, a.messages)];
  });
};

const shownOf = (given: StoredConversation | undefined) => given?.messages && [given.messages, given.visible];

/** The visible branch leads from a first message to one that nothing follows, and is what counts. */
function faultOfBranch(
  { conversation, messageCount, visible }: StoredConversation,
  messages: readonly StoredMessage[],
): string[] {
  const branch = visible ?? [];
  const wrong: string[] = [];
  const byId = new Map(messages.map((message) => [message.id, message]));
  const isPath = branch.every((id, index) => byId.get(id)?.parent === (branch[index - 1] ?? null));
  const hasEnd = branch.length > 0 && !messages.some(({ parent }) => parent === branch.at(-1));
  if (!isPath || (messages.length > 0 && !hasEnd)) {
    wrong.push(`What is shown of the conversation ${conversation} is no whole branch of it.`);
  }
  const said = messages.filter((message) => message.visible).map(({ id }) => id);
  if (said.join() !== branch.join()) wrong.push(`Other messages of ${conversation} say that they are visible.`);
  if (messageCount !== branch.length) {
    wrong.push(`The conversation ${conversation} counts ${messageCount} messages and shows ${branch.length}.`);
  }
  return wrong;
}

interface Placed {
  readonly id: string;
  /** When it was first asked for, and when it was acknowledged. */
  readonly startedMs: number;
  readonly endedMs: number;
}

/** What was acknowledged before something else was begun stands before it. */
export const orderOfTime: Check = (found) => {
  const times = timesOf(found);
  return [...found.stored.a.values()].flatMap(({ messages }) => {
    const placed = (messages ?? []).flatMap(({ id }) => times.get(id) ?? []);
    return placed.flatMap((later, index) => {
      const earlier = placed.slice(0, index).find(({ startedMs }) => startedMs > later.endedMs);
      return earlier
        ? [`The message ${later.id} was acknowledged before ${earlier.id} was asked for, and stands after it.`]
        : [];
    });
  });
};

function timesOf(found: Found): Map<string, Placed> {
  const written = [...found.asks, ...found.appends].filter(({ acknowledged }) => acknowledged);
  return new Map(
    written.flatMap(({ acknowledged, startedMs }) => {
      const endedMs = acknowledged?.endedMs ?? Number.POSITIVE_INFINITY;
      const ids = acknowledged?.result?.messages ?? [];
      return ids.map((id) => [id, { id, startedMs, endedMs }] as const);
    }),
  );
}
