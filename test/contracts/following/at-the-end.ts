import { expect, it } from '@jest/globals';
import { ClientText } from '../../support/answer-follower.js';
import {
  answered,
  bytes,
  chunk,
  cut,
  event,
  ModelByHand,
  type ModelReply,
  withStatus,
} from '../../support/model-server.js';
import { expectExact } from './expect-exact.js';
import type { Stage } from './stage.js';

export function endsOnce(stage: () => Stage): void {
  it('`AnswerFinished` comes last, exactly once, and carries the stored message; then the subscription completes.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const followers = await Promise.all(Array.from({ length: 5 }, () => stage().follow(asked)));
    await model.text('All the ');
    await followers[0]?.has('All the ');
    await model.text('same.');
    await model.finish('length');
    for (const follower of followers) {
      const stored = await expectExact(follower, 'All the same.');
      expect(stored).toMatchObject({ status: 'COMPLETE', finishReason: 'length', error: null, streamCursor: null });
      expect(stored).toEqual(await stage().read(asked));
      expect(follower.repeated).toBe(0);
    }
  });

  it('An answer that is already final gives what is missing after the cursor, and `AnswerFinished`, at once.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const early = await stage().follow(asked);
    await model.text('Some of it, ');
    await early.has('Some of it, ');
    const { cursor, content: some } = early;
    await model.text('and '.repeat(20_000));
    await model.finish();
    const { content } = await early.end();
    const whole = await stage().follow(asked);
    await expectExact(whole, content);
    expect(whole.deltas.map(({ text }) => text.length)).toEqual([32_768, 32_768, content.length - 65_536]);
    const rest = await stage().follow(asked, {
      after: cursor,
      text: new ClientText({ content: some, reasoning: null }),
    });
    await expectExact(rest, content);
    expect(rest.deltas[0]?.offset).toBe(some.length);
    const nothing = await stage().goOn(asked, early);
    await expectExact(nothing, content);
    expect(nothing.deltas).toEqual([]);
  });

  it('A message that is not an answer gives its text the same way: it is final.', async () => {
    const asked = await stage().ask(answered('Yes.'));
    const follower = await stage().followAs(asked.atReader, asked.questionId);
    const stored = await follower.end();
    expect(stored).toMatchObject({ id: asked.questionId, status: 'COMPLETE', content: follower.content });
    expect(follower.deltas).toMatchObject([{ offset: 0, text: stored.content, messageId: asked.questionId }]);
    const again = await stage().followAs(asked.atReader, asked.questionId, { after: follower.cursor });
    expect(await again.end()).toEqual(stored);
    expect(again.deltas).toEqual([]);
  });
}

const begun = chunk({ content: 'It begins ' });
const ends: readonly (readonly [string, ModelReply, object])[] = [
  [
    'FAILED: the provider refused',
    withStatus(400, { error: { message: 'no' } }),
    { status: 'FAILED', content: '', error: { code: 'PROVIDER_REFUSED', retryable: false } },
  ],
  [
    'FAILED: the provider failed',
    bytes(begun, event({ error: { message: 'overloaded' } })),
    { status: 'FAILED', content: 'It begins ', error: { code: 'PROVIDER_ERROR', retryable: true } },
  ],
  [
    'FAILED: the answer grew past its limit',
    bytes(begun, chunk({ content: 'x'.repeat(1024 * 1024) })),
    { status: 'FAILED', content: 'It begins ', error: { code: 'ANSWER_TOO_LONG', retryable: false } },
  ],
  [
    'INTERRUPTED: the stream just ended',
    bytes(begun),
    { status: 'INTERRUPTED', content: 'It begins ', error: { code: 'PROVIDER_ENDED_EARLY', retryable: true } },
  ],
  [
    'INTERRUPTED: the connection broke',
    cut(begun),
    { status: 'INTERRUPTED', content: 'It begins ', error: { code: 'PROVIDER_ENDED_EARLY', retryable: true } },
  ],
];

export function saysHowItEnded(stage: () => Stage): void {
  it.each(ends)(
    '%s. The text is what was written until then, and `error` says why.',
    async (_name, reply, expected) => {
      const asked = await stage().ask(reply);
      const live = await stage().follow(asked);
      expect(await live.end()).toMatchObject({ ...expected, finishReason: null });
      const later = await stage().follow(asked);
      expect(await later.end()).toEqual(await live.end());
      expect(later.content).toBe(live.content);
      expect([...live.broken, ...later.broken]).toEqual([]);
    },
  );
}
