import { expect, it } from '@jest/globals';
import { ClientText } from '../../support/answer-follower.js';
import { answered, ModelByHand } from '../../support/model-server.js';
import { expectExact } from './expect-exact.js';
import type { Stage } from './stage.js';

export function endsWithItsInstance(stage: () => Stage): void {
  it('INTERRUPTED: the instance was shut down. Followers are told, and from a cursor any instance goes on to the end.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    // Most often it is told before its socket closes; should it not be, it is told by whom it asks next.
    const follower = await stage().follow(asked, { reconnects: true });
    await model.text('Written so far');
    await follower.has('Written so far');
    const { cursor, content } = follower;
    await model.text(', and a little more');
    await stage().restart('writer');
    const stored = await follower.end();
    expect(stored).toMatchObject({ status: 'INTERRUPTED', error: { code: 'SHUTDOWN', retryable: true } });
    expect('Written so far, and a little more'.startsWith(stored.content)).toBe(true);
    await expectExact(follower, stored.content);
    for (const person of [asked.atReader, asked.atWriter]) {
      const text = new ClientText({ content, reasoning: null });
      const later = await stage().followAs(person, asked.answerId, { after: cursor, text });
      expect(await expectExact(later, stored.content)).toEqual(stored);
      expect(later.repeated).toBe(0);
    }
    const next = await stage().ask(answered('As before.'));
    await expectExact(await stage().follow(next), 'As before.');
  });
}
