import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { answered, ModelByHand } from '../../support/model-server.js';
import type { Asked, Stage } from './stage.js';

export function refusesWrongCursors(stage: () => Stage): void {
  it('Anything else given as `after` is BAD_USER_INPUT with `field: "after"`.', async () => {
    const name = randomUUID();
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply, name);
    const [others, sibling] = [await stage().ask(answered('Hers.')), await stage().ask(answered('His.'), name)];
    await model.text('Mine.');
    const follower = await stage().follow(asked);
    await follower.has('Mine.');
    const { cursor } = follower;
    const cursorsOf = async (one: Asked) => {
      const other = await stage().follow(one);
      await other.end();
      return [other.cursor, other.deltas[0]?.cursor ?? ''];
    };
    const { message } = await asked.atReader.data<{ message: { cursor: string } }>(
      'query ($id: ID!) { message(id: $id) { cursor } }',
      { id: asked.answerId },
    );
    const flipped = Array.from(cursor, (letter, index) => {
      const other = letter === 'A' ? 'B' : 'A';
      return `${cursor.slice(0, index)}${other}${cursor.slice(index + 1)}`;
    });
    const wrong = [
      ...['', ' ', '0', 'null', 'x'.repeat(20_000), `${cursor} `, `${cursor}A`, cursor.slice(0, -1), `${cursor}=`],
      ...[message.cursor, ...(await cursorsOf(others)), ...(await cursorsOf(sibling)), ...flipped],
    ];
    const errors = new Set<string>();
    for (const after of wrong)
      errors.add(JSON.stringify((await stage().refusal(asked.atReader, asked.answerId, after))[0]));
    expect([...errors].map((error) => JSON.parse(error))).toEqual([
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field: 'after' } }),
    ]);
    await model.finish();
    await follower.end();
  });
}

export function tellsNothingOfOthers(stage: () => Stage): void {
  it('A message that is not there, or not yours, or deleted: error NOT_FOUND, in the same words.', async () => {
    const model = new ModelByHand();
    const [hers, gone] = [await stage().ask(model.reply), await stage().ask(answered('Gone.'))];
    const { atReader: she } = hers;
    const { atReader: he } = gone;
    await stage().settled(gone);
    await he.data('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', {
      ids: [gone.conversationId],
    });
    const unknown = `msg_${randomBytes(16).toString('hex')}`;
    const ids = [hers.answerId, hers.questionId, gone.answerId, gone.questionId, unknown, hers.conversationId, 'x', ''];
    const refusals = new Set<string>();
    for (const id of ids) refusals.add(JSON.stringify(await stage().refusal(he, id)));
    // Nor does a cursor make a difference, right or wrong.
    const follower = await stage().follow(hers);
    await model.text('Hers.');
    await follower.has('Hers.');
    for (const after of [follower.cursor, 'x'])
      refusals.add(JSON.stringify(await stage().refusal(he, hers.answerId, after)));
    expect([...refusals].map((errors) => JSON.parse(errors))).toEqual([
      [expect.objectContaining({ message: 'There is no such message.', extensions: { code: 'NOT_FOUND' } })],
    ]);
    await model.finish();
    expect(await (await stage().followAs(she, hers.answerId)).end()).toMatchObject({ content: 'Hers.' });
  });

  it('Deleted while it is followed: error NOT_FOUND, then complete; the model is stopped.', async () => {
    const model = new ModelByHand();
    const asked = await stage().ask(model.reply);
    const [apart, beside] = [await stage().follow(asked), await stage().followAs(asked.atWriter, asked.answerId)];
    await model.text('Not for long.');
    for (const follower of [apart, beside]) await follower.has('Not for long.');
    await stage().readAtLeast(asked, 'Not for long.');
    await stage().meanwhile();
    const { closed } = await asked.call;
    await asked.atReader.data('mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }', {
      ids: [asked.conversationId],
    });
    for (const follower of [apart, beside]) {
      await follower.ended(stage().arrangement.behindMs);
      expect(follower.finished).toBeNull();
      expect(follower.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    }
    expect(await closed).toBe(false);
  });
}
