import type { Heard, ModelCalled, StoredMessage, Text } from '../history.js';
import type { Wish } from '../operations.js';
import type { Check, Found } from './found.js';
import { wasLost } from './leases.js';
import { callKeyOf } from './origins.js';

/** Ahead of what is durable a follower may be by this, in code units, or by half a second of the model's text. */
const aheadOfCheckpoint = 2048;
/** While PostgreSQL is away text is delivered for so long, in half seconds. */
const halfSecondsWithoutDatabase = 16;

interface Answer {
  readonly stored: StoredMessage & { readonly conversation: string };
  /** What asked for it. */
  readonly wish: Wish;
  readonly call: ModelCalled | null;
}

function answersOf(found: Found): Map<string, Answer> {
  const calls = new Map(found.of('model').flatMap((call) => (call.status === 200 ? [[call.key, call] as const] : [])));
  const answers = [...found.messages.values()].flatMap((stored) => {
    const { wish, part } = found.origins.get(stored.id) ?? {};
    return wish && part === 'answer' ? [{ stored, wish, call: calls.get(callKeyOf(wish)) ?? null }] : [];
  });
  return new Map(answers.map((answer) => [answer.stored.id, answer]));
}

/** Per key at most one call of the model is answered with 200. */
export const calledOnce: Check = (found) => {
  const answered = found.of('model').filter(({ status }) => status === 200);
  return [...Map.groupBy(answered, ({ key }) => key)].flatMap(([key, calls]) =>
    calls.length > 1 ? [`${calls.length} calls of the model were answered with 200 for the key ${key}.`] : [],
  );
};

/** Every answer is final, and says nothing that the model did not. */
export const answersEnd: Check = (found) =>
  [...answersOf(found).values()].flatMap(({ stored, call, wish }) => {
    const { id, status } = stored;
    if (status === 'STREAMING') return [`The answer ${id} is still STREAMING.`];
    const wrong: string[] = [];
    const said: Text = call ?? { content: '', reasoning: '' };
    if (!isSaid(said.content, stored.content) || !isSaid(said.reasoning, stored.reasoning)) {
      wrong.push(`The answer ${id} holds a text that the model did not say.`);
    }
    const whole = call?.finishes && stored.content === said.content && stored.reasoning === said.reasoning;
    if (status === 'COMPLETE' && !whole && !stored.erased)
      wrong.push(`The answer ${id} is COMPLETE, and not all that the model said.`);
    if (stored.error === 'INTERNAL') wrong.push(`The answer ${id} failed by a fault of the server's.`);
    if (stored.error === 'INSTANCE_LOST' && !wasLost(found, wish)) {
      wrong.push(`The answer ${id} ended as that of a lost instance, and its instance lived.`);
    }
    return wrong;
  });

/** The beginning of what was said; half a character at its end has become U+FFFD. */
function isSaid(said: string, text: string): boolean {
  if (said.startsWith(text)) return true;
  const whole = text.slice(0, -1);
  const next = said.charCodeAt(whole.length);
  return text.endsWith('\ufffd') && said.startsWith(whole) && next >= 0xd800 && next <= 0xdbff;
}

/** What a cancel was told as the end is the end. */
export const cancelsStand: Check = (found) =>
  found.attempts.flatMap(({ kind, message, result, op }) => {
    const stored = kind === 'cancelAnswer' ? found.messages.get(message ?? '') : undefined;
    const status = result?.status ?? 'STREAMING';
    return !stored || status === 'STREAMING' || status === stored.status
      ? []
      : [`Operation ${op} was told that ${message} is ${status}, and it is ${stored.status}.`];
  });

/** What followers were told: a prefix of what is stored, or ahead of it by what a lost writer may have said last. */
export const transcriptsFit: Check = (found) => {
  const answers = answersOf(found);
  return found.of('heard').flatMap((heard) => {
    const name = `A follower of ${heard.answer}`;
    const wrong = heard.broken.map((what) => `${name} was told ${what}.`);
    const answer = answers.get(heard.answer);
    if (heard.ended === 'never') wrong.push(`${name} was never told its end.`);
    if (!answer) {
      const isGone = found.asks.some(
        ({ acknowledged }) =>
          acknowledged?.result?.messages?.includes(heard.answer) &&
          found.isDeleted(acknowledged.result.conversation ?? ''),
      );
      return isGone ? wrong : [...wrong, `${name} followed what is not stored.`];
    }
    if (heard.ended === 'deleted') wrong.push(`${name} was told that it was deleted, and it is there.`);
    if (heard.finished) wrong.push(...faultOfEnd(name, heard.finished, answer));
    return [...wrong, ...faultOfText(found, name, heard, answer)];
  });
};

function faultOfEnd(name: string, finished: NonNullable<Heard['finished']>, { stored, call }: Answer): string[] {
  const fields = ['content', 'reasoning'] as const;
  // Of what was erased later, what it said before: that much of the model's words.
  const isText = fields.every(
    (field) => finished[field] === stored[field] || (stored.erased && isSaid(call?.[field] ?? '', finished[field])),
  );
  const isSame = finished.status === stored.status && isText;
  return isSame ? [] : [`${name} was told another end than is stored.`];
}

function faultOfText(
  found: Found,
  name: string,
  { text, atMs }: Heard & { readonly atMs: number },
  answer: Answer,
): string[] {
  const { stored, call } = answer;
  const said: Text = call ?? { content: '', reasoning: '' };
  if (!isSaid(said.content, text.content) || !isSaid(said.reasoning, text.reasoning)) {
    return [`${name} was given a text that the model did not say.`];
  }
  const ahead =
    Math.max(0, text.content.length - stored.content.length) +
    Math.max(0, text.reasoning.length - stored.reasoning.length);
  if (stored.erased) return [];
  const isPrefix = stored.content.startsWith(text.content) && stored.reasoning.startsWith(text.reasoning);
  if (isPrefix) return [];
  const by = `${ahead} code units beyond what is stored`;
  if (!isSettledForWriter(found, answer)) return [`${name} was given ${by}, though its writer lived.`];
  const allowed = aheadAllowed(found, answer, atMs);
  return ahead <= allowed ? [] : [`${name} was given ${by}, and ${allowed} are the most.`];
}

/** Not by its writer: that was lost, or did not hear a cancel within two seconds because of a fault. */
function isSettledForWriter(found: Found, { stored, wish }: Answer): boolean {
  if (stored.error === 'INSTANCE_LOST') return true;
  if (stored.status !== 'CANCELLED') return false;
  return found.faults(/./).some(({ toMs }) => toMs >= wish.startedMs);
}

function aheadAllowed(found: Found, { call, wish }: Answer, untilMs: number): number {
  const halfSecond = call?.halfSecond ?? 0;
  const databaseAway = found
    .faults(/PostgreSQL|backend/)
    .some(({ fromMs, toMs }) => toMs >= wish.startedMs && fromMs <= untilMs);
  return Math.max(aheadOfCheckpoint, halfSecond * (databaseAway ? halfSecondsWithoutDatabase : 1));
}
