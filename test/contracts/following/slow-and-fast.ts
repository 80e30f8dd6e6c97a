import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { followAllText } from '../../support/answer-follower.js';
import { atMost } from '../../support/at-most.js';
import { ModelByHand } from '../../support/model-server.js';
import { expectExact } from './expect-exact.js';
import type { Stage } from './stage.js';

export function letsEachReadAtItsPace(stage: () => Stage): void {
  it('A follower that reads fast gets each token as it comes. One that does not read gets longer deltas, and the exact text.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const fast = await stage().follow(asked);
    const slow = await stage().follow(asked, { document: followAllText });
    await model.text('Begin');
    await fast.has('Begin');
    await slow.has('Begin');
    slow.client.socket.pause();
    let text = 'Begin';
    for (let number = 1; number <= 3000; number += 1) {
      const piece = ` ${number} words of an answer`;
      text += piece;
      await model.text(piece);
      await turn();
    }
    await fast.has(text);
    expect(slow.content).toBe('Begin');
    slow.client.socket.resume();
    await model.finish();
    for (const follower of [fast, slow]) {
      await expectExact(follower, text);
      expect(follower.repeated).toBe(0);
    }
    if (stage().arrangement.redis === 'gone') return;
    const longest = Math.max(...slow.deltas.map((delta) => delta.text.length));
    expect(slow.deltas.length).toBeLessThan(fast.deltas.length * 0.75);
    expect(longest).toBeGreaterThan(20_000);
  });

  it('A follower is no further behind than its arrangement allows.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const follower = await stage().follow(asked);
    const behindMs: number[] = [];
    let text = '';
    for (const piece of ['Soon ', 'it ', 'is there.']) {
      text += piece;
      await model.text(piece);
      const sentMs = performance.now();
      await follower.has(text);
      behindMs.push(performance.now() - sentMs);
    }
    // The median, for a busy machine may hold up one of them.
    expect(behindMs.sort((one, other) => one - other)[1]).toBeLessThan(atMost(stage().arrangement.behindMs));
    await model.finish();
    await expectExact(follower, text);
  });
}
