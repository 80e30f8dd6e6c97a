import type { Attempt } from '../operations.js';
import type { Check, Found } from './found.js';

/** Both instances and the database give the same messages, in the same order. */
export const oneOrder: Check = (found) => {
  const rows = new Map(found.of('rows').map((one) => [one.conversation, one.rows]));
  const ids = new Set([...found.stored.a.keys(), ...found.stored.b.keys(), ...rows.keys()]);
  return [...ids].flatMap((id) => {
    const [a, b] = [found.stored.a.get(id), found.stored.b.get(id)];
    if (JSON.stringify(a?.messages ?? null) !== JSON.stringify(b?.messages ?? null)) {
      return [`The instances give the conversation ${id} differently.`];
    }
    if (!a) return [`The database holds messages of the conversation ${id}, and no instance gives it.`];
    if (!a.messages) return [];
    const wrong: string[] = [];
    const order = a.messages.map((message) => message.id).join(' ');
    const inRows = (rows.get(id) ?? []).map((row) => row.id).join(' ');
    if (order !== inRows) wrong.push(`The database holds the messages of ${id} in another order than is given.`);
    if (a.messageCount !== a.messages.length) {
      wrong.push(`The conversation ${id} counts ${a.messageCount} messages and has ${a.messages.length}.`);
    }
    return wrong;
  });
};

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
  const written = [...found.sends, ...found.appends].filter(({ acknowledged }) => acknowledged);
  return new Map(
    written.flatMap(({ acknowledged, startedMs }) => {
      const endedMs = acknowledged?.endedMs ?? Number.POSITIVE_INFINITY;
      const ids = acknowledged?.result?.messages ?? [];
      return ids.map((id) => [id, { id, startedMs, endedMs }] as const);
    }),
  );
}

/** Each page that anybody read is a piece of the one order, with all that had been acknowledged by then. */
export const pagesFit: Check = (found) => {
  const times = timesOf(found);
  const reads = found.attempts.filter(({ kind, outcome }) => kind === 'readPage' && outcome === 'ok');
  const orders = new Map(
    [...found.stored.a.values()].map((one) => [one.conversation, (one.messages ?? []).map(({ id }) => id)]),
  );
  return reads.flatMap((read) => {
    const order = orders.get(read.conversation ?? '') ?? [];
    return order.length === 0 ? [] : faultOfPage(read, order, times);
  });
};

/** A page of the newest messages: the end of the order as it was then. */
function faultOfPage(read: Attempt, order: readonly string[], times: ReadonlyMap<string, Placed>): string[] {
  const page = read.result?.messages ?? [];
  const name = `The page that operation ${read.op} read of ${read.conversation}`;
  const start = page.length === 0 ? 0 : order.indexOf(page[0] ?? '');
  const isPiece = start !== -1 && page.every((id, index) => order[start + index] === id);
  if (!isPiece) return [`${name} is no piece of its order.`];
  const missed = order
    .slice(start + page.length)
    .find((id) => (times.get(id)?.endedMs ?? Number.POSITIVE_INFINITY) < read.startedMs);
  return missed ? [`${name} lacks the message ${missed}, which had been acknowledged before.`] : [];
}
