import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { buildSchema, type GraphQLObjectType, parse } from 'graphql';
import { EventLanes } from '../../../src/server/event-lanes.js';
import { subscribeInLanes } from '../../../src/server/event-stream.js';

const schema = buildSchema('type Query { a: Int } type Subscription { number: Int }');
const document = parse('subscription { number }');

/** Events 1, 2, 3 … and what became of their source. */
function numbers() {
  const state = { returned: 0, pulled: 0 };
  const iterator = {
    [Symbol.asyncIterator]: () => iterator,
    next: async () => {
      state.pulled += 1;
      return { done: false, value: { number: state.pulled } };
    },
    return: async () => {
      state.returned += 1;
      return { done: true, value: undefined };
    },
  };
  const type: GraphQLObjectType | null | undefined = schema.getSubscriptionType();
  const field = type?.getFields().number;
  if (field) field.subscribe = () => iterator;
  return state;
}

async function stream(lanes: EventLanes) {
  const result = await subscribeInLanes({ schema, document }, lanes);
  if (!(Symbol.asyncIterator in result)) throw new Error('No stream.');
  return result;
}

describe('The lanes of a socket', () => {
  it('are two, and go on in the order in which they were asked for', async () => {
    const lanes = new EventLanes();
    const entered: number[] = [];
    const leaves = new Map<number, () => void>();
    for (let number = 0; number < 5; number += 1) {
      void lanes.enter().then((leave) => {
        entered.push(number);
        leaves.set(number, leave);
      });
    }
    await setImmediate();
    expect(entered).toEqual([0, 1]);
    leaves.get(1)?.();
    leaves.get(1)?.();
    await setImmediate();
    expect(entered).toEqual([0, 1, 2]);
    for (const leave of leaves.values()) leave();
    await setImmediate();
    expect(entered).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('A stream of events in lanes', () => {
  it('holds a lane from an event to the next, and gives it back at its end', async () => {
    const lanes = new EventLanes();
    const state = numbers();
    const streams = await Promise.all(Array.from({ length: 3 }, () => stream(lanes)));
    const results = streams.map((events) => events.next());
    expect(await results[0]).toEqual({ done: false, value: { data: { number: 1 } } });
    await Promise.all(results.slice(0, 2));
    let third = false;
    void results[2]?.then(() => {
      third = true;
    });
    await setImmediate();
    expect([third, state.pulled]).toEqual([false, 3]);
    await streams[0]?.return?.();
    await results[2];
    expect(state.returned).toBe(1);
  });

  it('ends while it waits for a lane, and passes the lane on', async () => {
    const lanes = new EventLanes();
    numbers();
    const held = await Promise.all(Array.from({ length: 2 }, () => lanes.enter()));
    const [first, second] = [await stream(lanes), await stream(lanes)];
    const ended = first.next();
    const waiting = second.next();
    await first.return?.();
    held[0]?.();
    expect(await ended).toEqual({ done: true, value: undefined });
    expect((await waiting).done).toBe(false);
    expect(await first.next()).toEqual({ done: true, value: undefined });
  });

  it('gives the errors of a subscription that does not begin', async () => {
    const wrong = await subscribeInLanes(
      { schema, document: parse('subscription ($n: Int!) { number }') },
      new EventLanes(),
    );
    expect(wrong).toMatchObject({ errors: [{ message: expect.stringContaining('$n') }] });
  });
});
