import type { Begun, Ended, HistoryEvent, Timed } from './history.js';

/** One attempt, from its beginning to its end. */
export interface Attempt extends Omit<Begun, 'type'>, Omit<Ended, 'type' | 'op'> {
  readonly startedMs: number;
  /** Infinity where no end was logged, or where it is unknown what became of it: it may still come to effect. */
  readonly endedMs: number;
}

/** Attempts that share a key, or one without: done once, or not at all. */
export interface Wish {
  readonly kind: Attempt['kind'];
  readonly key: string | null;
  readonly attempts: readonly Attempt[];
  /** The first one that was acknowledged. */
  readonly acknowledged: Attempt | null;
  /** Nobody can say that it was not done: acknowledged, unknown, or refused for now. */
  readonly possible: boolean;
  readonly startedMs: number;
}

export function eventsOf<Type extends HistoryEvent['type']>(
  events: readonly Timed[],
  type: Type,
): Timed<Extract<HistoryEvent, { type: Type }>>[] {
  return events.filter((event): event is Timed<Extract<HistoryEvent, { type: Type }>> => event.type === type);
}

export function attemptsOf(events: readonly Timed[]): Attempt[] {
  const ends = new Map(eventsOf(events, 'end').map((end) => [end.op, end]));
  return eventsOf(events, 'begin').map(({ type: _type, atMs: startedMs, ...begun }) => {
    const end = ends.get(begun.op);
    if (!end) return { ...begun, startedMs, endedMs: Number.POSITIVE_INFINITY, outcome: 'unknown' as const };
    const { type: _end, atMs, ...ended } = end;
    return { ...begun, ...ended, startedMs, endedMs: isCertain(ended) ? atMs : Number.POSITIVE_INFINITY };
  });
}

/** A refusal for now does not say whether the transaction before it was done. */
const isCertain = ({ outcome, code }: Pick<Ended, 'outcome' | 'code'>) =>
  outcome === 'ok' || (outcome === 'refused' && code !== 'UNAVAILABLE');

export const isPossible = (attempt: Pick<Ended, 'outcome' | 'code'>) => attempt.outcome === 'ok' || !isCertain(attempt);

/** The attempts of one kind, gathered by person and key. */
export function wishesOf(attempts: readonly Attempt[], kind: Attempt['kind']): Wish[] {
  const groups = Map.groupBy(
    attempts.filter((attempt) => attempt.kind === kind),
    ({ person, key, op }) => `${person}/${key ?? `#${op}`}`,
  );
  return [...groups.values()].map((group) => ({
    kind,
    key: group[0]?.key ?? null,
    attempts: group,
    acknowledged: group.find(({ outcome }) => outcome === 'ok') ?? null,
    possible: group.some(isPossible),
    startedMs: Math.min(...group.map(({ startedMs }) => startedMs)),
  }));
}
