import { fc } from '../../support/fast-check.js';

/** One thing that happens to a conversation, or to the device that follows it. `at`: which instance is asked. */
export type Step =
  | { readonly do: 'send'; readonly at: number; readonly after: number | null }
  | { readonly do: 'say'; readonly pieces: number; readonly thought: boolean }
  | { readonly do: 'finish' | 'see' | 'leave' | 'cut' }
  | { readonly do: 'cancel' | 'reload'; readonly at: number }
  | { readonly do: 'append'; readonly at: number; readonly count: number; readonly after: number | null }
  | { readonly do: 'edit' | 'regenerate'; readonly at: number; readonly of: number }
  | { readonly do: 'select' | 'erase'; readonly at: number; readonly of: number }
  | { readonly do: 'rate'; readonly at: number; readonly of: number; readonly rating: 'UP' | 'DOWN' | null }
  | { readonly do: 'update'; readonly at: number; readonly what: 'title' | 'pinned' | 'archived'; readonly on: boolean }
  /** `cutAfter`: so many events; null for as long as nothing else cuts it. */
  | { readonly do: 'come'; readonly at: number; readonly from: 'last' | 'first'; readonly cutAfter: number | null }
  | { readonly do: 'redis'; readonly is: 'killed' | 'started' };

const at = fc.nat({ max: 1 });
/** One of the messages that were made so far, counted from the newest. */
const of = fc.nat({ max: 9 });
/** After so many events; null for as long as nothing else happens. */
const cutAfter: fc.Arbitrary<number | null> = fc.option(fc.integer({ min: 1, max: 4 }), { freq: 2 });
const after = fc.option(of, { freq: 3 });
const doing = <const Do extends Step['do']>(name: Do) => fc.constant(name);

type Weighted = fc.WeightedArbitrary<Step>[];

const begins: Weighted = [
  { weight: 5, arbitrary: fc.record({ do: doing('send'), at, after }) },
  {
    weight: 9,
    arbitrary: fc.record({ do: doing('say'), pieces: fc.integer({ min: 1, max: 3 }), thought: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('finish', 'see', 'see') }) },
  { weight: 1, arbitrary: fc.record({ do: doing('cancel'), at }) },
  { weight: 3, arbitrary: fc.record({ do: doing('append'), at, count: fc.integer({ min: 1, max: 3 }), after }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('edit', 'regenerate', 'select', 'erase'), at, of }) },
  { weight: 2, arbitrary: fc.record({ do: doing('rate'), at, of, rating: fc.constantFrom('UP', 'DOWN', null) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ do: doing('update'), at, on: fc.boolean() },
      what: fc.constantFrom('title', 'pinned', 'archived'),
    }),
  },
];

const comings: Weighted = [
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('leave', 'cut') }) },
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ do: doing('come'), at, from: fc.constantFrom('last', 'last', 'last', 'first') },
      cutAfter,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: doing('reload'), at }) },
];

const faults: Weighted = [
  { weight: 4, arbitrary: fc.record({ do: doing('redis'), is: fc.constantFrom('killed', 'started') }) },
];

/** What happens in one run, in order; with Redis killed on the way where that is asked for. */
export const scenario = (
  withFaults: boolean,
): fc.Arbitrary<{ readonly steps: Step[]; readonly endsDeleted: boolean }> =>
  fc.record({
    steps: fc.array<Step>(fc.oneof(...begins, ...comings, ...(withFaults ? faults : [])), {
      minLength: 6,
      maxLength: 24,
    }),
    endsDeleted: fc.integer({ min: 0, max: 19 }).map((drawn) => drawn === 19),
  });
