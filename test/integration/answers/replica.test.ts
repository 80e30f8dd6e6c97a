import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Sent } from '../../../src/answers/answer.service.js';
import { channelOf, encodeMessage } from '../../../src/answers/channel.js';
import { startOfAnswer } from '../../../src/answers/live-text.js';
import type { FollowedText } from '../../../src/answers/replicas.js';
import type { Scope } from '../../../src/identity/scope.js';
import { InProcessPubSub } from '../../../src/platform/pubsub.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createDatabase, type TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { Instance } from './instance.js';

let own: TestDatabase;
/** Two instances on one database, which hear nothing of each other. */
let writer: Instance;
let reader: Instance;
let scope: Scope;

beforeEach(async () => {
  own = await createDatabase();
  writer = await Instance.start({ url: own.url });
  reader = await Instance.start({ url: own.url });
  scope = await writer.person();
});

afterEach(async () => {
  await reader.stop();
  await writer.stop();
  await own.drop();
});

const shown = ({ live }: FollowedText) => live.read(startOfAnswer, 10_000)?.content ?? '';

/** What the writer says of its end while the text itself does not come through. */
const sayAlive = ({ answer }: Sent, content: number) =>
  reader.pubsub.publish(channelOf(answer.id), encodeMessage({ type: 'alive', content, reasoning: 0 }));

describe('A replica', () => {
  it('reads PostgreSQL within 2 s where it hears that the writer is further, but not what it wrote', async () => {
    const sent = await writer.send(scope);
    const followed = reader.replicas.take(scope.viewer.id, sent.answer.id);
    const model = await writer.model.asked(0);
    model.say('not heard');
    const heard = async () => {
      await sayAlive(sent, 9);
      return shown(followed) === 'not heard';
    };
    await until('the text was read', heard, 3000);
    model.say(', and more');
    const heardMore = async () => {
      await sayAlive(sent, 19);
      return shown(followed) === 'not heard, and more';
    };
    await until('what followed was read', heardMore, 3000);
    followed.release();
  });

  it('reads PostgreSQL within 2 s, to the end, where its subscription never stands', async () => {
    const deaf = new InProcessPubSub();
    deaf.subscribe = () => ({ ready: new Promise(() => {}), unsubscribe: async () => undefined });
    const apart = await Instance.start({ url: own.url, pubsub: deaf });
    const sent = await writer.send(scope);
    const followed = apart.replicas.take(scope.viewer.id, sent.answer.id);
    const model = await writer.model.asked(0);
    model.say('never heard');
    await until('the text was read', () => shown(followed) === 'never heard', 3000);
    model.finish();
    await until('its end was read', () => followed.live.ended, 3000);
    expect(followed.live.final).toMatchObject({ status: 'COMPLETE' });
    followed.release();
    await apart.stop();
  });

  it('reads nothing while it hears that it is up to date', async () => {
    const statements: string[] = [];
    const watched = await Instance.start({ url: own.url, onStatement: (name) => statements.push(name) });
    const sent = await writer.send(scope);
    const followed = watched.replicas.take(scope.viewer.id, sent.answer.id);
    await until('it is open', () => statements.includes('answers.progress'));
    statements.length = 0;
    const startMs = performance.now();
    await until('2.5 s are over', async () => {
      const alive = encodeMessage({ type: 'alive', content: 0, reasoning: 0 });
      await watched.pubsub.publish(channelOf(sent.answer.id), alive);
      return performance.now() - startMs > 2500;
    });
    expect(statements.filter((name) => name === 'answers.progress')).toEqual([]);
    followed.release();
    await watched.stop();
  });
});

describe('Replicas', () => {
  it('are shared by followers, and kept a few seconds after the last one for who comes right back', async () => {
    const clock = new ManualClock();
    const shared = await Instance.start({ url: own.url, clock });
    const { answer } = await writer.send(scope);
    const [one, other] = [1, 2].map(() => shared.replicas.take(scope.viewer.id, answer.id));
    expect(one?.live).toBe(other?.live);
    one?.release();
    one?.release();
    other?.release();
    await clock.advance(2999);
    const again = shared.replicas.take(scope.viewer.id, answer.id);
    expect(again.live).toBe(one?.live);
    await clock.advance(10_000);
    expect(shared.replicas.count).toBe(1);
    again.release();
    await clock.advance(3000);
    expect(shared.replicas.count).toBe(0);
    await shared.stop();
    expect(clock.timers).toBe(0);
  });

  it('leave no timer behind that are given back after the instance has closed, and are not taken any more', async () => {
    const clock = new ManualClock();
    const closing = await Instance.start({ url: own.url, clock });
    const { answer } = await writer.send(scope);
    const followed = closing.replicas.take(scope.viewer.id, answer.id);
    await closing.stop();
    followed.release();
    expect(clock.timers).toBe(0);
    expect(() => closing.replicas.take(scope.viewer.id, answer.id)).toThrow(
      expect.objectContaining({ code: 'UNAVAILABLE' }),
    );
  });
});
