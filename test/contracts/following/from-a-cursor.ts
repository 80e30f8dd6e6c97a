import { expect, it } from '@jest/globals';
import { ClientText } from '../../support/answer-follower.js';
import { makeAnswerCursor } from '../../support/cursor-maker.js';
import { ModelByHand } from '../../support/model-server.js';
import { until } from '../../support/until.js';
import { expectExact } from './expect-exact.js';
import type { Stage } from './stage.js';

export function beginsAtTheCursor(stage: () => Stage): void {
  it('Without `after` the first delta begins at offset 0. With `after` it begins there.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const early = await stage().follow(asked);
    await model.text('One, ');
    await early.has('One, ');
    const late = await stage().follow(asked);
    const resumed = await stage().goOn(asked, early);
    await model.text('two, ');
    await late.has('One, two, ');
    await resumed.has('One, two, ');
    const again = await stage().goOn(asked, resumed);
    await model.text('three.');
    await model.finish();
    for (const follower of [early, late, resumed, again]) await expectExact(follower, 'One, two, three.');
    expect(late.deltas[0]).toMatchObject({ offset: 0, reasoningOffset: null, messageId: asked.answerId });
    expect(resumed.deltas[0]).toMatchObject({ offset: 5, text: 'two, ' });
    expect(again.deltas).toMatchObject([{ offset: 10, text: 'three.' }]);
  });

  it('Read the message, then subscribe `after` its `streamCursor`: nothing is missed and nothing comes twice.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const words = Array.from({ length: 12 }, (_, index) => `word ${index}, `);
    const followers = [];
    for (const [index, word] of words.entries()) {
      await model.text(word);
      if (index % 4 !== 3) continue;
      // Of the newest words some are durable at this read, and some are not yet.
      const read = await stage().readAtLeast(asked, words.slice(0, index - 3).join(''));
      expect(read.status).toBe('STREAMING');
      await stage().meanwhile();
      followers.push(await stage().follow(asked, { after: read.streamCursor ?? '', text: new ClientText(read) }));
    }
    await model.finish();
    for (const follower of followers) await expectExact(follower, words.join(''));
    expect(followers.map(({ repeated }) => repeated)).toEqual([0, 0, 0]);
    expect((await stage().read(asked)).streamCursor).toBeNull();
  });
}

export function waitsBeyondTheText(stage: () => Stage): void {
  it('`after` beyond a running text waits until the text reaches it.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const place = { person: asked.atReader, answerId: asked.answerId, reasoning: 0 };
    const near = await makeAnswerCursor(stage().reader, { ...place, content: 6 });
    const far = await makeAnswerCursor(stage().reader, { ...place, content: 60 });
    await model.text('abcd');
    const waiting = await stage().follow(asked, {
      after: near,
      text: new ClientText({ content: 'abcdef', reasoning: '' }),
    });
    const never = await stage().follow(asked, { after: far });
    const plain = await stage().follow(asked);
    await plain.has('abcd');
    await stage().meanwhile();
    await model.text('e');
    await plain.has('abcde');
    expect(waiting.deltas).toEqual([]);
    await model.text('fgh');
    await until('the text reaches it', () => waiting.deltas.length > 0);
    expect(waiting.deltas).toMatchObject([{ offset: 6, text: 'gh' }]);
    await model.finish();
    await expectExact(waiting, 'abcdefgh');
    expect(await never.end()).toMatchObject({ status: 'COMPLETE', content: 'abcdefgh' });
    expect(never.deltas).toEqual([]);
  });

  it('Beyond the final text it gives `AnswerFinished` with the truth.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    await model.text('The end.');
    await model.finish();
    await stage().settled(asked);
    const place = { person: asked.atReader, answerId: asked.answerId, content: 30, reasoning: 4 };
    const beyond = await stage().follow(asked, { after: await makeAnswerCursor(stage().reader, place) });
    expect(await beyond.end()).toMatchObject({ status: 'COMPLETE', content: 'The end.' });
    expect(beyond.deltas).toEqual([]);
    const { cursor } = beyond;
    const after = await stage().follow(asked, { after: cursor });
    expect(await after.end()).toMatchObject({ content: 'The end.' });
    expect(after.deltas).toEqual([]);
  });
}
