import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { decodeMessage, openDelta } from '../../../src/answers/channel.js';
import { LiveText, startOfAnswer } from '../../../src/answers/live-text.js';
import { Publisher, type PublisherDeps } from '../../../src/answers/publisher.js';
import { OwnerKeys } from '../../../src/platform/encryption.js';
import { newId } from '../../../src/platform/ids.js';
import { createLog } from '../../../src/platform/log.js';

const keys = new OwnerKeys(newId(), [{ id: 1, key: randomBytes(32) }]);
const answerId = newId();

/** A publisher, and what it says: a test decides how each publish ends. */
class Stage {
  readonly live = new LiveText();
  /** Deltas and heartbeats that were tried, whether or not they got through. */
  deltas = 0;
  heartbeats = 0;
  /** What somebody heard who merges all deltas. */
  readonly heard = new LiveText();
  answer: () => Promise<number> = async () => 2;
  readonly publisher: Publisher;

  constructor() {
    const pubsub = { publish: (_channel: string, text: string) => this.publish(text) };
    const keyring = { of: async () => keys };
    const deps: Pick<PublisherDeps, 'log' | 'deltaCodeUnits'> = { log: createLog('silent'), deltaCodeUnits: 100 };
    this.publisher = new Publisher(keys.ownerId, answerId, this.live, { ...deps, pubsub, keyring });
  }

  say(content: string): void {
    this.live.append({ content });
    this.publisher.grown();
  }

  private async publish(text: string): Promise<number> {
    const message = decodeMessage(text);
    if (message?.type === 'alive') this.heartbeats += 1;
    if (message?.type === 'delta') this.deltas += 1;
    const heardBy = await this.answer();
    if (message?.type === 'delta') this.heard.merge(openDelta(keys, answerId, message));
    return heardBy;
  }
}

describe('The publisher of a run', () => {
  it('is silent until a replica asks, and again when nobody but the writer hears it', async () => {
    const stage = new Stage();
    stage.say('one ');
    await setImmediate();
    expect(stage.deltas).toBe(0);
    stage.publisher.asked(startOfAnswer);
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('one ');
    stage.answer = async () => 1;
    stage.say('two ');
    await setImmediate();
    const { deltas } = stage;
    stage.say('three ');
    await setImmediate();
    expect(stage.deltas).toBe(deltas);
  });

  it('gathers later tokens and asks into the next publish while one is in flight', async () => {
    const stage = new Stage();
    let arrive = () => {};
    stage.answer = () => new Promise((resolve) => (arrive = () => resolve(2)));
    stage.say('a');
    stage.publisher.asked(startOfAnswer);
    await setImmediate();
    for (const token of ['b', 'c', 'd']) stage.say(token);
    stage.publisher.asked(startOfAnswer);
    expect(stage.deltas).toBe(1);
    arrive();
    await setImmediate();
    expect(stage.deltas).toBe(2);
    arrive();
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('abcd');
    expect(stage.deltas).toBe(2);
  });

  it('hears who asks while a publish is in flight that nobody else heard', async () => {
    const stage = new Stage();
    let arrive = () => {};
    stage.answer = () => new Promise((resolve) => (arrive = () => resolve(1)));
    stage.say('a');
    stage.publisher.asked(startOfAnswer);
    await setImmediate();
    stage.publisher.asked({ content: 1, reasoning: 0 });
    arrive();
    stage.answer = async () => 2;
    await setImmediate();
    stage.say('b');
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('ab');
  });

  it('goes on from where it is, also where a follower has read from there before', async () => {
    const stage = new Stage();
    stage.publisher.asked(startOfAnswer);
    for (const token of ['one ', 'two ', 'three']) {
      const from = { ...stage.live.end };
      stage.live.append({ content: token });
      expect(stage.live.read(from, 100)?.content).toBe(token);
      stage.publisher.grown();
      await setImmediate();
    }
    expect(stage.heard.readAll(startOfAnswer).content).toBe('one two three');
    expect(stage.deltas).toBe(3);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'loses no token that comes %i turns after a publish has arrived',
    async (turns) => {
      const stage = new Stage();
      let arrive = () => {};
      stage.answer = () => new Promise((resolve) => (arrive = () => resolve(2)));
      stage.say('a');
      stage.publisher.asked(startOfAnswer);
      await setImmediate();
      arrive();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      stage.answer = async () => 2;
      stage.say('b');
      await setImmediate();
      expect(stage.heard.readAll(startOfAnswer).content).toBe('ab');
    },
  );
});

describe('A publisher that nothing gets through from', () => {
  it('tries once a heartbeat, not once a token, while nothing gets through, and then leaves nothing out', async () => {
    const stage = new Stage();
    stage.publisher.asked(startOfAnswer);
    stage.answer = () => Promise.reject(new Error('Redis is away.'));
    for (let token = 0; token < 50; token += 1) {
      stage.say('x');
      await setImmediate();
    }
    expect(stage.deltas).toBe(1);
    stage.publisher.alive();
    await setImmediate();
    expect(stage.deltas).toBe(2);
    stage.answer = async () => 2;
    stage.publisher.alive();
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('x'.repeat(50));
    stage.say('y');
    await setImmediate();
    expect(stage.heard.end.content).toBe(51);
  });

  it('is heard again as soon as somebody asks', async () => {
    const stage = new Stage();
    stage.publisher.asked(startOfAnswer);
    stage.answer = () => Promise.reject(new Error('Redis is away.'));
    stage.say('x');
    await setImmediate();
    stage.answer = async () => 2;
    stage.publisher.asked(startOfAnswer);
    await setImmediate();
    expect(stage.heard.end.content).toBe(1);
  });
});

describe('Held delivery', () => {
  it('shows and tells nothing that is held back', async () => {
    const stage = new Stage();
    stage.publisher.asked(startOfAnswer);
    stage.say('shown');
    await setImmediate();
    stage.live.hold();
    stage.say(' held');
    stage.publisher.alive();
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('shown');
    stage.live.release();
    stage.publisher.alive();
    await setImmediate();
    expect(stage.heard.readAll(startOfAnswer).content).toBe('shown held');
  });

  it('has no heartbeat: the answer may be settled already, and whoever follows it is to look', async () => {
    const stage = new Stage();
    stage.live.hold();
    stage.publisher.alive();
    expect(stage.heartbeats).toBe(0);
    stage.live.release();
    stage.publisher.alive();
    expect(stage.heartbeats).toBe(1);
  });
});
