import { beforeEach, describe, expect, it } from '@jest/globals';
import { ChangeHints, decodeHint, ownerChannel } from '../../../src/live/change-hints.js';
import { InProcessPubSub } from '../../../src/platform/pubsub.js';
import { ManualClock } from '../../support/manual-clock.js';

/** One that can be away. */
class Line extends InProcessPubSub {
  isAway = false;

  override async publish(channel: string, message: string): Promise<number> {
    if (this.isAway) throw new Error('Redis is away.');
    return await super.publish(channel, message);
  }
}

let clock: ManualClock;
let line: Line;
let hints: ChangeHints;
let heard: (string | undefined)[];
beforeEach(() => {
  clock = new ManualClock();
  line = new Line();
  hints = new ChangeHints(line, clock);
  heard = [];
  line.subscribe(ownerChannel('ada'), {
    message: (text) => heard.push(decodeHint(text)?.conversationId),
    renewed: () => undefined,
  });
});

describe('A hint', () => {
  it('is heard on the channel of its owner', async () => {
    hints.say('ada', 'one');
    hints.say('somebody else', 'two');
    await clock.advance(0);
    expect(heard).toEqual(['one']);
  });

  it('that Redis did not take is owed, once for a conversation, and said as soon as Redis is back', async () => {
    line.isAway = true;
    for (const conversation of ['one', 'two', 'one']) hints.say('ada', conversation);
    await clock.advance(5000);
    line.isAway = false;
    await clock.advance(500);
    await clock.advance(0);
    expect(heard.toSorted()).toEqual(['one', 'two']);
    expect(clock.timers).toBe(0);
  });

  it('is not owed for longer than everybody takes to ask PostgreSQL', async () => {
    line.isAway = true;
    hints.say('ada', 'one');
    await clock.advance(10_500);
    line.isAway = false;
    await clock.advance(10_000);
    expect([heard, clock.timers]).toEqual([[], 0]);
  });

  it('is owed no more after the instance has closed', async () => {
    line.isAway = true;
    hints.say('ada', 'one');
    await clock.advance(0);
    hints.close();
    hints.say('ada', 'two');
    await clock.advance(0);
    expect(clock.timers).toBe(0);
  });
});
