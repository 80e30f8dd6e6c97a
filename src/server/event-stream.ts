import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import type { EventLanes } from './event-lanes.js';

type EventResult = IteratorResult<ExecutionResult, undefined>;

/**
 * What `subscribe` of graphql-js gives, but an event is executed only once there is a lane for it, which it holds
 * until the next one is asked for: graphql-ws does that when the event has been sent.
 */
export async function subscribeInLanes(
  args: ExecutionArgs,
  lanes: EventLanes,
  takeTurn: () => Promise<void> = async () => {},
): Promise<AsyncIterableIterator<ExecutionResult, undefined> | ExecutionResult> {
  const source = await createSourceEventStream(args);
  return Symbol.asyncIterator in source
    ? new EventStream(source[Symbol.asyncIterator](), args, lanes, takeTurn)
    : source;
}

class EventStream implements AsyncIterableIterator<ExecutionResult, undefined> {
  private isOver = false;
  private leaveLane: () => void = () => {};

  constructor(
    private readonly source: AsyncIterator<unknown>,
    private readonly args: ExecutionArgs,
    private readonly lanes: EventLanes,
    private readonly takeTurn: () => Promise<void>,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<EventResult> {
    this.leaveLane();
    const event = this.isOver ? null : await this.source.next();
    if (event === null || event.done) return over;
    this.leaveLane = await this.lanes.enter();
    await this.takeTurn();
    try {
      if (!this.isOver) return { done: false, value: await execute({ ...this.args, rootValue: event.value }) };
    } catch (error) {
      this.leaveLane();
      throw error;
    }
    this.leaveLane();
    return over;
  }

  /** Also while `next` waits: the source then gives an end to it. */
  async return(): Promise<EventResult> {
    this.isOver = true;
    this.leaveLane();
    await this.source.return?.();
    return over;
  }
}

const over: EventResult = { done: true, value: undefined };
