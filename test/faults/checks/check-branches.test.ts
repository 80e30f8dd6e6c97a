import { describe, expect, it } from '@jest/globals';
import type { HistoryEvent, ListedConversation, StoredMessage } from '../history.js';
import { checkHistory } from './check-history.js';
import { attempt, both, call, conversation, message, said, smallHistory } from './small-history.js';

/** The second question was edited, and its first answer asked for once more: three branches, each answered. */
const edited: readonly StoredMessage[] = [
  message('msg_q3', { content: '[key k4 speech three?', key: 'k4', parent: 'msg_x1' }),
  message('msg_a3', { role: 'ASSISTANT', content: said, parent: 'msg_q3' }),
  message('msg_a4', { role: 'ASSISTANT', content: said, parent: 'msg_q2', key: 'k5' }),
];
const edit = attempt(
  5,
  { kind: 'editMessage', key: 'k4', conversation, message: 'msg_q2', wrote: ['[key k4 speech three?'] },
  { result: { conversation, messages: ['msg_q3', 'msg_a3'] } },
);
const again = attempt(
  6,
  { kind: 'regenerateAnswer', key: 'k5', conversation, message: 'msg_a2', wrote: ['k3/again-1'] },
  { result: { conversation, messages: ['msg_a4'] } },
);
const branchesOf: readonly HistoryEvent[] = [...edit, call('k4'), ...again, call('k3/again-1')];

const trunk = ['msg_q1', 'msg_a1', 'msg_x1'];
const second = [...trunk, 'msg_q2', 'msg_a2'];
const third = [...trunk, 'msg_q3', 'msg_a3'];
const anew = [...trunk, 'msg_q2', 'msg_a4'];

const select = (op: number, id: string, outcome: 'ok' | 'unknown' = 'ok') =>
  attempt(op, { kind: 'selectBranch', conversation, message: id }, { outcome, result: {} });
const reads = (op: number, page: readonly string[], says: readonly string[] = []) =>
  attempt(op, { kind: 'readPage', conversation }, { result: { messages: page, says } });

/** What is wrong where this branch is shown at the end, after what was done besides. */
function shown(branch: readonly string[], more: readonly HistoryEvent[], change: Partial<StoredMessage> = {}) {
  const history = smallHistory(
    (stored) =>
      both(
        [...stored, ...edited].map((one) => ({
          ...{ ...one, visible: branch.includes(one.id) },
          ...(one.id === change.id ? change : {}),
        })),
      ),
    [...branchesOf, ...more],
  );
  return checkHistory(history);
}

const another = (what: string) => `${what} of ${conversation} shows another branch than was made visible last.`;

describe('The checker of branches', () => {
  it('finds nothing where each branch is where it belongs, and the one that was moved last is shown', () => {
    expect(shown(anew, [])).toEqual([]);
    expect(shown(third, [...reads(7, anew), ...select(8, 'msg_q3'), ...reads(9, third)])).toEqual([]);
    expect(shown(anew, [...select(8, 'msg_a3'), ...select(9, 'msg_q2'), ...reads(10, anew)])).toEqual([]);
  });

  it('finds an edit that is stored twice, or beside another message than it was of', () => {
    const history = smallHistory(
      (stored) => both([...stored, ...edited, message('msg_q4', { ...edited[0], id: 'msg_q4' })]),
      branchesOf,
    );
    expect(checkHistory(history)).toContain('The messages msg_q3 and msg_q4 are both stored for the key k4.');
    expect(shown(anew, [], { id: 'msg_q3', parent: 'msg_a1' })).toContain(
      'The message msg_q3 of key k4 stands elsewhere than msg_q2 says.',
    );
    expect(shown(anew, [], { id: 'msg_a4', parent: 'msg_q3' })).toContain(
      'The message msg_a4 of key k5 stands elsewhere than msg_a2 says.',
    );
  });

  it('finds a branch that is shown though another was made visible later, and none where that is unknown', () => {
    expect(shown(anew, select(8, 'msg_q3'))).toEqual([another('What is shown at the end')]);
    expect(shown(anew, select(8, 'msg_q3', 'unknown'))).toEqual([]);
    expect(shown(third, select(8, 'msg_q3', 'unknown'))).toEqual([]);
    expect(shown(third, [])).toEqual([another('What is shown at the end')]);
  });

  it('finds a branch that was selected and is not shown down to its newest leaf', () => {
    expect(shown(second, select(8, 'msg_q2'))).toEqual([another('What is shown at the end')]);
  });

  it('finds a page of another branch than was shown then, one that lacks what was there, and one that is no branch', () => {
    const name = 'The page that operation 9 read';
    const pageOf = (page: readonly string[]) => shown(third, [...select(8, 'msg_q3'), ...reads(9, page)]);
    expect(pageOf(anew)).toEqual([another(name)]);
    expect(pageOf(trunk)).toEqual([another(name)]);
    expect(pageOf([])).toEqual([another(name)]);
    expect(pageOf([...trunk, 'msg_a3'])).toEqual([`${name} of ${conversation} is no piece of a branch.`]);
  });

  it('finds a visible branch that is none, does not end, or is not what the messages themselves say', () => {
    const noBranch = `What is shown of the conversation ${conversation} is no whole branch of it.`;
    expect(shown([...trunk, 'msg_a4'], [])).toContain(noBranch);
    expect(shown([...trunk, 'msg_q2'], [])).toContain(noBranch);
    const history = smallHistory((stored) => both([...stored, ...edited]), branchesOf).map((event) =>
      event.type === 'stored' ? { ...event, visible: anew, messageCount: 9 } : event,
    );
    expect(checkHistory(history)).toEqual([
      `Other messages of ${conversation} say that they are visible.`,
      `The conversation ${conversation} counts 9 messages and shows 5.`,
    ]);
  });

  it('finds a device that shows another branch than is visible', () => {
    const device = (ids: readonly string[]): HistoryEvent => ({
      ...{ type: 'device', person: 'p1', conversation, deleted: false, broken: [], errors: [] },
      messages: smallHistory((stored) => both([...stored, ...edited])).flatMap((event) =>
        event.type === 'stored' && event.instance === 'a'
          ? ids.flatMap((id) => event.messages?.find((one) => one.id === id) ?? [])
          : [],
      ),
    });
    expect(shown(anew, [device(anew)])).toEqual([]);
    expect(shown(anew, [device([...anew, 'msg_q3'])])).toEqual([
      `The device of p1 on ${conversation} shows another branch.`,
    ]);
    expect(shown(anew, [device(second)])).toEqual([
      `The device of p1 on ${conversation} never heard of the message msg_a4.`,
    ]);
  });
});

describe('The checker of what is erased', () => {
  const gone: Partial<StoredMessage> = { id: 'msg_q3', content: '', erased: true };
  const erase = attempt(8, { kind: 'eraseMessage', conversation, message: 'msg_q3' }, { result: { says: [] } });
  const names = ['[key k4 speech'];

  it('finds nothing where it is gone, and was read before', () => {
    expect(shown(anew, [...reads(7, anew, names), ...erase, ...reads(9, anew)], gone)).toEqual([]);
  });

  it('finds a text that was erased and is stored, and one that nobody had erased and is gone', () => {
    expect(shown(anew, erase)).toContain('The message msg_q3 was erased, and its text is stored.');
    expect(shown(anew, erase, { ...gone, reasoning: 'hm' })).toContain(
      'The message msg_q3 was erased, and its text is stored.',
    );
    expect(shown(anew, [], gone)).toEqual(['The message msg_q3 is erased, and nobody had asked for that.']);
  });

  it('finds a read, a call of the model and a list that say it afterwards', () => {
    expect(shown(anew, [...erase, ...reads(9, anew, names)], gone)).toEqual([
      'Operation 9 read what had been erased of msg_q3.',
    ]);
    const send = attempt(9, { key: 'k9', conversation, wrote: ['four?'] }, { outcome: 'refused', code: 'NOT_FOUND' });
    const told: HistoryEvent = { ...call('k9'), type: 'model', shown: names } as HistoryEvent;
    expect(shown(anew, [...erase, ...send, told], gone)).toContain(
      'The model was shown what had been erased of msg_q3, in the call k9.',
    );
    expect(shown(anew, [...erase, ...listed('a', '[key k4 speech')], gone)).toContain(
      'The list of p1 says what had been erased of msg_q3.',
    );
  });

  it('takes the end that a follower was told before for what was stored then', () => {
    const heard = (content: string): HistoryEvent => ({
      ...{ type: 'heard', person: 'p1', answer: 'msg_a3', ended: 'finished', broken: [], errors: [] },
      ...{ text: { content, reasoning: '' }, finished: { status: 'COMPLETE', content, reasoning: '' } },
    });
    const erased = attempt(8, { kind: 'eraseMessage', conversation, message: 'msg_a3' }, { result: { says: [] } });
    const answer = { ...gone, id: 'msg_a3' };
    expect(shown(anew, [heard(said), ...erased], answer)).toEqual([]);
    expect(shown(anew, [heard('Nobody said this.'), ...erased], answer)).toEqual([
      'A follower of msg_a3 was told another end than is stored.',
      'A follower of msg_a3 was given a text that the model did not say.',
    ]);
  });
});

const line = (title: string): ListedConversation => ({
  ...{ id: conversation, title, preview: null, messageCount: 5, updatedAt: '2026-11-21T00:00:00.000Z' },
});
const listed = (instance: 'a' | 'b', ...titles: readonly string[]): HistoryEvent[] => [
  { type: 'listed', instance, person: 'p1', conversations: titles.map(line) },
];

describe('The checker of lists', () => {
  const list = (...titles: readonly string[]): HistoryEvent => ({
    ...{ type: 'list', person: 'p1', errors: [], conversations: titles.map(line) },
  });
  const fresh = [...listed('a', 'one'), ...listed('b', 'one')];

  it('finds a follower whose list is another than a fresh read gives', () => {
    expect(checkHistory(smallHistory(both, [...fresh, list('one')]))).toEqual([]);
    const other = ['The list of p1 shows something else than a fresh read.'];
    expect(checkHistory(smallHistory(both, [...fresh, list('old')]))).toEqual(other);
    expect(checkHistory(smallHistory(both, [...fresh, list()]))).toEqual(other);
    expect(checkHistory(smallHistory(both, [...listed('a', 'one'), ...listed('b', 'old'), list('one')]))).toEqual([
      'The instances give the list of p1 differently.',
    ]);
  });

  it('finds a cancel that was told another end than is stored', () => {
    const cancel = (status: string) => attempt(8, { kind: 'cancelAnswer', message: 'msg_a2' }, { result: { status } });
    expect(checkHistory(smallHistory(both, cancel('COMPLETE')))).toEqual([]);
    expect(checkHistory(smallHistory(both, cancel('STREAMING')))).toEqual([]);
    expect(checkHistory(smallHistory(both, cancel('CANCELLED')))).toEqual([
      'Operation 8 was told that msg_a2 is CANCELLED, and it is COMPLETE.',
    ]);
  });
});
