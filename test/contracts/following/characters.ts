import { expect, it } from '@jest/globals';
import { ClientText } from '../../support/answer-follower.js';
import { cutAnywhere, cutBytes, hardText } from '../../support/hard-text.js';
import { answered, bytes, chunk, done, ModelByHand } from '../../support/model-server.js';
import { seeded } from '../../support/seeded-random.js';
import { expectExact } from './expect-exact.js';
import type { Stage } from './stage.js';

export function keepsCharactersWhole(stage: () => Stage): void {
  it('Multi-byte characters are split across chunks and within pairs: no delta ends within one, and all text is equal.', () =>
    seeded(async (random) => {
      const [text, thought] = [hardText(random, 1500), hardText(random, 300)];
      const stream = [
        ...cutAnywhere(random, thought, 4).map((piece) => chunk({ reasoning_content: piece })),
        ...cutAnywhere(random, text, 4).map((piece) => chunk({ content: piece })),
        ...[chunk({}, 'stop'), done],
      ];
      const asked = await stage().ask(bytes(...cutBytes(random, stream.join(''), 40)));
      const first = await stage().follow(asked);
      const followers = [first];
      for (const share of [0.25, 0.5, 0.75]) {
        await first.reaches(Math.floor(text.length * share));
        followers.push(await stage().follow(asked), await stage().goOn(asked, first));
      }
      for (const follower of followers) await expectExact(follower, text, { reasoning: thought });
      expect(await stage().read(asked)).toMatchObject({ content: text, reasoning: thought });
    }));

  it('The first half of a pair is held back until the second comes, and becomes U+FFFD if it never does.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const follower = await stage().follow(asked);
    await model.text('a\ud83e');
    await follower.has('a');
    await model.text('\udd9cb\udd9cc\ud83e');
    await follower.has('a🦜b\ufffdc');
    await model.finish();
    await expectExact(follower, 'a🦜b\ufffdc\ufffd');
    expect(follower.repeated).toBe(0);
  });
}

export function carriesReasoning(stage: () => Stage): void {
  it('An offset is two numbers: content and reasoning grow side by side, and a cursor goes on in both.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const follower = await stage().follow(asked);
    await model.reasoning('Hm, ');
    await follower.reaches(0, 4);
    const thinking = await stage().goOn(asked, follower);
    await model.text('Well');
    await follower.has('Well');
    await model.reasoning('or not: ');
    await follower.reaches(4, 12);
    const both = await stage().goOn(asked, follower);
    await model.text(', yes.');
    await model.finish();
    for (const one of [follower, thinking, both]) {
      await expectExact(one, 'Well, yes.', { reasoning: 'Hm, or not: ' });
      expect(one.repeated).toBe(0);
    }
    expect(follower.deltas[0]).toMatchObject({ offset: 0, text: '', reasoningOffset: 0, reasoning: 'Hm, ' });
    expect(both.deltas).toMatchObject([{ offset: 4, text: ', yes.', reasoningOffset: null, reasoning: null }]);
  });

  it('Applied by the rule a delta may come twice: a library that subscribes again with its first variables stays right.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const text = new ClientText();
    const first = await stage().follow(asked, { text });
    await model.reasoning('Let me see. ');
    await model.text('Once upon ');
    await first.reaches(10, 12);
    first.close();
    await model.text('a time');
    const again = await stage().follow(asked, { text });
    await again.has('Once upon a time');
    again.close();
    const last = await stage().follow(asked, { text });
    await model.text('.');
    await model.finish();
    await expectExact(last, 'Once upon a time.', { reasoning: 'Let me see. ' });
    expect([again.repeated, last.repeated]).toEqual([1, 1]);
  });

  it('`message` of a delta is the same state for those who want it whole.', async () => {
    const asked = await stage().ask(answered('One ', 'two ', 'three.'));
    let content = '';
    for await (const { data } of asked.atReader.follow<{ answer: Whole }>(whole, { id: asked.answerId })) {
      if (data?.answer.text !== undefined) content += data.answer.text;
      expect(data?.answer.message.content).toBe(content);
    }
    expect(content).toBe('One two three.');
  });
}

interface Whole {
  readonly text?: string;
  readonly message: { readonly content: string };
}

const whole = `subscription ($id: ID!) { answer(messageId: $id) {
  ... on AnswerDelta { text message { content } } ... on AnswerFinished { message { content } }
} }`;
