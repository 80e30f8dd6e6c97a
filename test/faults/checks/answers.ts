import type { Heard, ModelCalled, StoredMessage, Text } from '../history.js';
import { isPossible, type Wish } from '../operations.js';
import type { Check, Found } from './found.js';

/** Ahead of what is durable a follower may be by this, in code units, or by half a second of the model's text. */
const aheadOfCheckpoint = 2048;
/** While PostgreSQL is away text is delivered for so long, in half seconds. */
const halfSecondsWithoutDatabase = 16;

interface Answer {
  readonly stored: StoredMessage & { readonly conversation: string };
  readonly send: Wish;
  readonly call: ModelCalled | null;
}

function answersOf(found: Found): Map<string, Answer> {
  const sends = new Map(found.sends.map((wish) => [wish.key, wish]));
  const calls = new Map(found.of('model').flatMap((call) => (call.status === 200 ? [[call.key, call] as const] : [])));
  const answers = [...found.messages.values()].flatMap((stored) => {
    const question = stored.role === 'ASSISTANT' ? found.messages.get(stored.parent ?? '') : undefined;
    const send = question && sends.get(question.key);
    const isAnswer = send && !stored.content.startsWith('appended ');
    return isAnswer ? [{ stored, send, call: calls.get(send.key ?? '') ?? null }] : [];
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
  [...answersOf(found).values()].flatMap(({ stored, call, send }) => {
    const { id, status } = stored;
    if (status === 'STREAMING') return [`The answer ${id} is still STREAMING.`];
    const wrong: string[] = [];
    const said: Text = call ?? { content: '', reasoning: '' };
    if (!isSaid(said.content, stored.content) || !isSaid(said.reasoning, stored.reasoning)) {
      wrong.push(`The answer ${id} holds a text that the model did not say.`);
    }
    const whole = call?.finishes && stored.content === said.content && stored.reasoning === said.reasoning;
    if (status === 'COMPLETE' && !whole) wrong.push(`The answer ${id} is COMPLETE, and not all that the model said.`);
    if (stored.error === 'INTERNAL') wrong.push(`The answer ${id} failed by a fault of the server's.`);
    if (stored.error === 'INSTANCE_LOST' && !wasLost(found, send)) {
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

/**
 * Was an instance that may have written it killed, stopped or ended since it was asked for? Or did it never learn that its
 * commit was carried out, and told the client to try again: then nobody writes, and the model was not asked.
 */
function wasLost(found: Found, send: Wish): boolean {
  const isUntold = send.attempts.some((attempt) => attempt.outcome !== 'ok' && isPossible(attempt));
  const isAsked = found.of('model').some(({ key }) => key === send.key);
  if (isUntold && !isAsked) return true;
  return send.attempts
    .filter(isPossible)
    .some(({ instance }) => found.faults(/^(kill|SIG)/, instance).some(({ toMs }) => toMs >= send.startedMs));
}

/** What followers were told: a prefix of what is stored, or ahead of it by what a lost writer may have said last. */
export const transcriptsFit: Check = (found) => {
  const answers = answersOf(found);
  return found.of('heard').flatMap((heard) => {
    const name = `A follower of ${heard.answer}`;
    const wrong = heard.broken.map((what) => `${name} was told ${what}.`);
    const answer = answers.get(heard.answer);
    if (heard.ended === 'never') wrong.push(`${name} was never told its end.`);
    if (!answer) {
      const isGone = found.attempts.some(
        ({ result, kind }) =>
          kind === 'sendMessage' &&
          result?.messages?.includes(heard.answer) &&
          found.isDeleted(result.conversation ?? ''),
      );
      return isGone ? wrong : [...wrong, `${name} followed what is not stored.`];
    }
    if (heard.ended === 'deleted') wrong.push(`${name} was told that it was deleted, and it is there.`);
    if (heard.finished) wrong.push(...faultOfEnd(name, heard.finished, answer.stored));
    return [...wrong, ...faultOfText(found, name, heard, answer)];
  });
};

function faultOfEnd(name: string, finished: NonNullable<Heard['finished']>, stored: StoredMessage): string[] {
  const isSame = (['status', 'content', 'reasoning'] as const).every((field) => finished[field] === stored[field]);
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
  const isPrefix = stored.content.startsWith(text.content) && stored.reasoning.startsWith(text.reasoning);
  if (isPrefix) return [];
  const by = `${ahead} code units beyond what is stored`;
  if (!isSettledForWriter(found, answer)) return [`${name} was given ${by}, though its writer lived.`];
  const allowed = aheadAllowed(found, answer, atMs);
  return ahead <= allowed ? [] : [`${name} was given ${by}, and ${allowed} are the most.`];
}

/** Not by its writer: that was lost, or did not hear a cancel within two seconds because of a fault. */
function isSettledForWriter(found: Found, { stored, send }: Answer): boolean {
  if (stored.error === 'INSTANCE_LOST') return true;
  if (stored.status !== 'CANCELLED') return false;
  return found.faults(/./).some(({ toMs }) => toMs >= send.startedMs);
}

function aheadAllowed(found: Found, { call, send }: Answer, untilMs: number): number {
  const halfSecond = call?.halfSecond ?? 0;
  const databaseAway = found
    .faults(/PostgreSQL|backend/)
    .some(({ fromMs, toMs }) => toMs >= send.startedMs && fromMs <= untilMs);
  return Math.max(aheadOfCheckpoint, halfSecond * (databaseAway ? halfSecondsWithoutDatabase : 1));
}

/** No lease has run out more than 30 s ago, of time in which an instance lived and PostgreSQL answered. */
export const leasesLive: Check = (found) => {
  const outages = [...found.faults(/^PostgreSQL stopped/), ...bothGone(found)];
  return found.of('lease').flatMap(({ answer, expiredMs, atMs }) => {
    const nobodyMs = sharedMs({ fromMs: atMs - expiredMs, toMs: atMs }, outages);
    const seconds = Math.round((expiredMs - nobodyMs) / 1000);
    return seconds > 30 ? [`The lease of ${answer} had run out ${seconds} s before.`] : [];
  });
};

/** When neither instance lived. */
function bothGone(found: Found): Span[] {
  const [a, b] = ['a', 'b'].map((name) => found.faults(/^(kill|SIG)/, name));
  return (a ?? []).flatMap((one) =>
    (b ?? []).flatMap((other) =>
      overlapMs(one, other) > 0
        ? [{ fromMs: Math.max(one.fromMs, other.fromMs), toMs: Math.min(one.toMs, other.toMs) }]
        : [],
    ),
  );
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const overlapMs = (one: Span, other: Span) =>
  Math.max(0, Math.min(one.toMs, other.toMs) - Math.max(one.fromMs, other.fromMs));

/** How long of `whole` any of the parts covers; where two cover the same, it counts once. */
function sharedMs(whole: Span, parts: readonly Span[]): number {
  let [sum, coveredToMs] = [0, whole.fromMs];
  for (const part of parts.toSorted((one, other) => one.fromMs - other.fromMs)) {
    sum += overlapMs({ fromMs: coveredToMs, toMs: whole.toMs }, part);
    coveredToMs = Math.max(coveredToMs, part.toMs);
  }
  return sum;
}
