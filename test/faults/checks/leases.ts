import { isPossible, type Wish } from '../operations.js';
import type { Check, Found } from './found.js';
import { callKeyOf } from './origins.js';

/** How long a writer may need to settle when the model has said all: PostgreSQL may be away meanwhile. */
const settlingMs = 15_000;
/** Less than that between two outages is not enough to come back. */
const betweenMs = 3000;
/** No single one of a line to PostgreSQL lasts longer. */
const longestLineMs = 12_000;

/**
 * Was an instance that may have written it killed, stopped or ended while it may have written it? Or did it never learn that its
 * commit was carried out, and told the client to try again: then nobody writes, and the model was not asked. Or was it cut
 * off from PostgreSQL for long?
 */
export function wasLost(found: Found, wish: Wish): boolean {
  const isUntold = wish.attempts.some((attempt) => attempt.outcome !== 'ok' && isPossible(attempt));
  const isAsked = found.of('model').some(({ key }) => key === callKeyOf(wish));
  if (isUntold && !isAsked) return true;
  const ended = found.of('modelEnded').find(({ key }) => key === callKeyOf(wish));
  const settledMs = (ended?.atMs ?? Number.POSITIVE_INFINITY) + settlingMs;
  return wish.attempts
    .filter(isPossible)
    .flatMap(({ instance }) => [...found.faults(/^(kill|SIG)/, instance), ...longCutOff(found, instance)])
    .some(({ fromMs, toMs }) => toMs >= wish.startedMs && fromMs <= settledMs);
}

/**
 * When an instance lived and had not reached PostgreSQL for as long as a lease lives: no line of its is away for so long at a
 * time, but what follows at once adds up.
 */
function longCutOff(found: Found, instance: string): Span[] {
  const lines = found.faults(/^line to PostgreSQL/, instance);
  const spans: Span[] = [];
  for (const { fromMs, toMs } of [...lines, ...found.faults(/^PostgreSQL stopped/)].toSorted(byStart)) {
    const last = spans.at(-1);
    if (last && fromMs - last.toMs < betweenMs) spans.splice(-1, 1, { ...last, toMs: Math.max(last.toMs, toMs) });
    else spans.push({ fromMs, toMs });
  }
  const isOurs = (span: Span) => lines.some((line) => overlapMs(span, line) > 0);
  return spans.filter((span) => span.toMs - span.fromMs > longestLineMs && isOurs(span));
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
  for (const part of parts.toSorted(byStart)) {
    sum += overlapMs({ fromMs: coveredToMs, toMs: whole.toMs }, part);
    coveredToMs = Math.max(coveredToMs, part.toMs);
  }
  return sum;
}

const byStart = (one: Span, other: Span) => one.fromMs - other.fromMs;
