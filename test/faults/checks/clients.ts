import { lastOf } from '../clients/conversation-device.js';
import type { ListedConversation } from '../history.js';
import { type Attempt, isPossible } from '../operations.js';
import type { Check, Found } from './found.js';

/** What a client may be refused with while faults happen; nothing in them is INTERNAL. */
export const errorsFit: Check = (found) => [
  ...found.attempts.filter(({ outcome }) => outcome === 'refused').flatMap((attempt) => faultOfRefusal(found, attempt)),
  ...[...found.of('heard'), ...found.of('device'), ...found.of('list')].flatMap(({ errors, person }) =>
    errors
      .filter(({ code, retryable }) => !(code === 'NOT_FOUND' || (code === 'UNAVAILABLE' && retryable)))
      .map(({ code }) => `A subscription of ${person} ended with ${code}.`),
  ),
];

function faultOfRefusal(found: Found, { op, kind, code, reason, retryable, ...attempt }: Attempt): string[] {
  const name = `Operation ${op} (${kind})`;
  if (code === 'UNAVAILABLE')
    return retryable ? [] : [`${name} was refused with an UNAVAILABLE that is not retryable.`];
  if (code === 'CONFLICT')
    return reason === 'ANSWER_IN_PROGRESS' ? [] : [`${name} was refused with CONFLICT ${reason}.`];
  if (code !== 'NOT_FOUND') return [`${name} was refused with ${code}.`];
  const conversation = attempt.conversation ?? found.messages.get(attempt.message ?? '')?.conversation;
  const endedMs = found.of('end').find((end) => end.op === op)?.atMs ?? Number.POSITIVE_INFINITY;
  const isThere = conversation !== undefined && found.stored.a.get(conversation)?.messages;
  const mayBeGone = conversation === undefined || found.mayBeDeleted(conversation, endedMs);
  if (isThere) return [`${name} was told that ${conversation} is not there, and it is.`];
  return mayBeGone ? [] : [`${name} was told that ${conversation} is not there, and nobody had deleted it.`];
}

/** A title and a rating are what somebody wrote last: no acknowledged write came after all of it. */
export const writesLast: Check = (found) => [
  ...registers(
    found,
    'updateConversation',
    ({ conversation }) => conversation,
    (id) => {
      const stored = found.stored.a.get(id);
      return stored?.messages ? (stored.title ?? '') : null;
    },
  ),
  ...registers(
    found,
    'rateMessage',
    ({ message }) => message,
    (id) => {
      const stored = found.messages.get(id);
      return stored ? (stored.rating ?? '') : null;
    },
  ),
];

function registers(
  found: Found,
  kind: Attempt['kind'],
  placeOf: (attempt: Attempt) => string | null,
  storedIn: (place: string) => string | null,
): string[] {
  const writes = found.attempts.filter((attempt) => attempt.kind === kind && isPossible(attempt));
  return [...Map.groupBy(writes, placeOf)].flatMap(([place, all]) => {
    const value = place === null ? null : storedIn(place);
    const acknowledged = all.filter(({ outcome }) => outcome === 'ok');
    if (value === null || acknowledged.length === 0) return [];
    const fits = all.some(
      (write) => write.wrote[0] === value && !acknowledged.some((other) => other.startedMs > write.endedMs),
    );
    return fits ? [] : [`What ${kind} wrote last to ${place} is not what is stored.`];
  });
}

/** Who followed a conversation with all its interruptions sees at the end what a fresh read gives. */
export const devicesShow: Check = (found) =>
  found.of('device').flatMap((device) => {
    const name = `The device of ${device.person} on ${device.conversation}`;
    const wrong = device.broken.map((what) => `${name} was told ${what}.`);
    const { messages, visible } = found.stored.a.get(device.conversation) ?? {};
    if (!messages || !visible) return device.deleted ? wrong : [...wrong, `${name} was not told that it is deleted.`];
    if (device.deleted) return [...wrong, `${name} was told that it is deleted, and it is there.`];
    const [wanted, shown] = [lastOf(visible), lastOf(device.messages.map(({ id }) => id))];
    const missing = wanted.filter((id) => !shown.includes(id));
    for (const id of missing) wrong.push(`${name} never heard of the message ${id}.`);
    if (missing.length === 0 && shown.join() !== wanted.join()) wrong.push(`${name} shows another branch.`);
    for (const { id, status, content } of device.messages) {
      const stored = found.messages.get(id);
      if (stored?.status !== status || stored.content !== content) {
        wrong.push(`${name} shows ${id} otherwise than stored.`);
      }
    }
    return wrong;
  });

/** Who followed the list with all its interruptions has at the end what a fresh read gives, at whichever instance. */
export const listsShow: Check = (found) => {
  const fresh = Map.groupBy(found.of('listed'), ({ person }) => person);
  return found.of('list').flatMap(({ person, conversations }) => {
    const wanted = fresh.get(person)?.map((listed) => listed.conversations.toSorted(byId)) ?? [];
    const [one, ...others] = new Set(wanted.map((listed) => JSON.stringify(listed)));
    if (others.length > 0) return [`The instances give the list of ${person} differently.`];
    return JSON.stringify(conversations) === one
      ? []
      : [`The list of ${person} shows something else than a fresh read.`];
  });
};

const byId = (one: ListedConversation, other: ListedConversation) => (one.id < other.id ? -1 : 1);

/** No connection, channel or timer is left, and no process ended that nobody had ended. */
export const nothingLeft: Check = (found) =>
  found
    .of('left')
    .filter(({ before, after }) => after > before)
    .map(({ where, what, before, after }) => `${where}: ${what} were ${before} before and are ${after} at the end.`);
