import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { toPublicId } from '../../../src/platform/ids.js';
import { InProcessPubSub } from '../../../src/platform/pubsub.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

/** Loses the first cancel that is said. */
class LosingPubSub extends InProcessPubSub {
  cancels = 0;

  override async publish(channel: string, message: string): Promise<number> {
    if (!message.includes('"cancel"')) return await super.publish(channel, message);
    this.cancels += 1;
    return this.cancels === 1 ? 1 : await super.publish(channel, message);
  }
}

let own: TestDatabase;
let writer: Instance;
let canceller: Instance;
const pubsub = new LosingPubSub();
const cancellersClock = new ManualClock();

beforeEach(async () => {
  own = await createDatabase();
  // Its time stands still: no checkpoint tells it of the cancel.
  writer = await Instance.start({ url: own.url, pubsub, clock: new ManualClock() });
  canceller = await Instance.start({ url: own.url, pubsub, clock: cancellersClock });
});

afterEach(async () => {
  await canceller.stop(0);
  await writer.stop(0);
  await own.drop();
});

describe('A cancel from another instance', () => {
  it('is said again: a writer that has only begun may not have heard it the first time', async () => {
    const person = await writer.person();
    const { answer, model } = await writer.ask(person);
    const scope = await canceller.scopeOf(person.viewer.id);
    const cancelling = canceller.answers.cancel(scope, toPublicId('msg', answer.id));
    await until('it was said once', () => pubsub.cancels === 1);
    await cancellersClock.advance(500);
    await until('the model is stopped', () => model.request.signal.aborted);
    expect(await cancelling).toMatchObject({ status: 'CANCELLED' });
    expect(pubsub.cancels).toBe(2);
  });
});
