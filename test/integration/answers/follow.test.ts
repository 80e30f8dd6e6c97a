import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { channelOf, encodeMessage } from '../../../src/answers/channel.js';
import { startOfAnswer } from '../../../src/answers/live-text.js';
import type { Scope } from '../../../src/identity/scope.js';
import { toPublicId } from '../../../src/platform/ids.js';
import { atMost } from '../../support/at-most.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
let writer: Instance;
let reader: Instance;
let clock: ManualClock;
let scope: Scope;

beforeEach(async () => {
  own = await createDatabase();
  clock = new ManualClock();
  writer = await Instance.start({ url: own.url });
  reader = await Instance.start({ url: own.url, clock });
  scope = await writer.person();
});

afterEach(async () => {
  await reader.stop();
  await writer.stop();
  await own.drop();
});

async function waitingFollower(instance: Instance) {
  const { answer } = await writer.send(scope);
  (await writer.model.asked(0)).say('So far.');
  const source = await instance.answers.follow(scope, toPublicId('msg', answer.id), null);
  const live = () => instance.runs.liveText(answer.id) ?? instance.replicas.take(scope.viewer.id, answer.id).live;
  return { answer, source, live };
}

describe('A follower that leaves', () => {
  it('while it waits for more is released at once, at the writer', async () => {
    const { source, live } = await waitingFollower(writer);
    expect((await source.next()).value).toMatchObject({ type: 'delta', piece: { content: 'So far.' } });
    const next = source.next();
    await until('it waits', () => live().waiters === 1);
    expect(await source.return?.()).toMatchObject({ done: true });
    expect(await next).toMatchObject({ done: true });
    expect(live().waiters).toBe(0);
    expect(await source.next()).toMatchObject({ done: true });
    // Nobody follows any more: a stop waits for no one.
    const startMs = performance.now();
    await writer.runs.drain(0, 3000);
    expect(performance.now() - startMs).toBeLessThan(atMost(900));
  });

  it('while it waits for more is released at once, elsewhere; its replica goes a few seconds later', async () => {
    const { source, answer } = await waitingFollower(reader);
    const listeners = () => reader.pubsub.publish(channelOf(answer.id), encodeMessage({ type: 'settled' }));
    const next = source.next();
    await until('there is a replica', () => reader.replicas.count === 1);
    await source.return?.();
    await next;
    await clock.advance(2999);
    expect([reader.replicas.count, await listeners()]).toEqual([1, 1]);
    await clock.advance(1);
    expect([reader.replicas.count, await listeners()]).toEqual([0, 0]);
    expect(clock.timers).toBe(0);
  });

  it('before it has read anything has taken nothing', async () => {
    const { source, answer } = await waitingFollower(reader);
    await source.return?.();
    expect(reader.replicas.count).toBe(0);
    expect(writer.runs.liveText(answer.id)?.waiters).toBe(0);
  });

  it('leaves the others of its replica where they are', async () => {
    const { source, answer } = await waitingFollower(reader);
    const other = await reader.answers.follow(scope, toPublicId('msg', answer.id), null);
    const [next, otherNext] = [source.next(), other.next()];
    await until('there is a replica', () => reader.replicas.count === 1);
    await source.return?.();
    await next;
    const kept = reader.replicas.take(scope.viewer.id, answer.id);
    await until('the text is durable', async () => {
      await clock.advance(1000);
      return kept.live.read(startOfAnswer, 100) !== null;
    });
    expect((await otherNext).value).toMatchObject({ type: 'delta', piece: { content: 'So far.' } });
    await other.return?.();
    kept.release();
  });
});
