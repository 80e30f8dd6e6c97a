import { expect, it } from '@jest/globals';
import { atMost } from '../../support/at-most.js';
import { ModelByHand, silent } from '../../support/model-server.js';
import type { Stage } from './stage.js';

const cancel = `mutation ($id: ID!) { cancelAnswer(messageId: $id) { message { id status content } } }`;

export function stopsTheModel(stage: () => Stage): void {
  it('`cancelAnswer(messageId)` from anywhere stops the model and keeps the text. A final answer is returned unchanged.', async () => {
    const { cancelMs } = stage().arrangement;
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const follower = await stage().follow(asked);
    await model.text('As far as ');
    await follower.has('As far as ');
    // So that no checkpoint is due for a while, with which the writer would hear of it anyway.
    await stage().readAtLeast(asked, 'As far as ');
    await stage().meanwhile();
    const { closed } = await asked.call;
    const startMs = performance.now();
    const cancelling = asked.atReader.data(cancel, { id: asked.answerId });
    // The provider's connection is closed, not merely left alone.
    expect(await closed).toBe(false);
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeLessThan(atMost(cancelMs));
    await cancelling;
    expect(await follower.end()).toMatchObject({ status: 'CANCELLED', content: 'As far as ', error: null });
    expect(follower.content).toBe('As far as ');
    const { data } = await asked.atReader.graphql(cancel, { id: asked.answerId });
    expect(data).toEqual({
      cancelAnswer: { message: { id: asked.answerId, status: 'CANCELLED', content: 'As far as ' } },
    });
  });

  it('A cancel is heard while the model has not said anything, too: its request is aborted.', async () => {
    const asked = await stage().ask(silent);
    const { closed } = await asked.call;
    const startMs = performance.now();
    const cancelling = asked.atReader.data(cancel, { id: asked.answerId });
    expect(await closed).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(atMost(stage().arrangement.cancelMs));
    await cancelling;
    expect(await stage().settled(asked)).toMatchObject({ status: 'CANCELLED', content: '', error: null });
  });

  it('The message that `cancelAnswer` returns is final already.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    await model.text('So far.');
    const { data } = await asked.atReader.graphql(cancel, { id: asked.answerId });
    expect(data).toMatchObject({ cancelAnswer: { message: { status: 'CANCELLED', content: 'So far.' } } });
  });
}
