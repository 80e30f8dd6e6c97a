import { describe, expect, it } from '@jest/globals';
import type { HistoryEvent, StoredMessage } from '../history.js';
import { checkHistory } from './check-history.js';
import { both, call, conversation, heard, smallHistory } from './small-history.js';

type Change = (stored: readonly StoredMessage[]) => readonly StoredMessage[];

const changed = (change: Change, more: readonly HistoryEvent[] = []) =>
  checkHistory(smallHistory((stored) => both(change(stored)), more));

const withFields =
  (id: string, fields: Partial<StoredMessage>): Change =>
  (stored) =>
    stored.map((message) => (message.id === id ? { ...message, ...fields } : message));
const without =
  (id: string): Change =>
  (stored) =>
    stored.filter((message) => message.id !== id);
const asItWas: Change = (stored) => stored;

const fault = (name: string, phase: 'begin' | 'end' = 'begin'): HistoryEvent => ({
  ...{ type: 'fault', fault: name, phase, instance: 'a', answersRunning: 5 },
});
const refused = (code: string, more: object = {}): HistoryEvent[] => [
  {
    ...{ type: 'begin', op: 9, kind: 'readPage', person: 'p1', instance: 'a' },
    ...{ key: null, conversation, message: null, wrote: [] },
  },
  { type: 'end', op: 9, outcome: 'refused', code, ...more },
];

describe('The checker of histories', () => {
  it('finds nothing where every promise was kept', () => {
    expect(changed(asItWas)).toEqual([]);
  });

  it('finds a lost message', () => {
    expect(changed(without('msg_x1'))).toContain(
      'The appended message msg_x1 of key k2 was acknowledged and is not stored.',
    );
    expect(changed(without('msg_q2'))).toContain('The question msg_q2 of key k3 was acknowledged and is not stored.');
    expect(changed(without('msg_a2'))).toContain('The answer msg_a2 of key k3 was acknowledged and is not stored.');
  });

  it('finds a doubled message', () => {
    const again = { id: 'msg_q3', content: 'two?', key: 'k3', parent: 'msg_a2' };
    expect(changed((stored) => [...stored, ...stored.slice(3, 4).map((one) => ({ ...one, ...again }))])).toEqual(
      expect.arrayContaining([
        'The messages msg_q2 and msg_q3 are both stored for the key k3.',
        'The key k3 was acknowledged as another message than msg_q3.',
      ]),
    );
  });

  it('finds swapped order: between the instances, and against the time', () => {
    const swap: Change = ([one, two, three, ...others]) => [three, one, two, ...others].flatMap((each) => each ?? []);
    const atOne = checkHistory(smallHistory((stored) => ({ a: stored, b: swap(stored) })));
    expect(atOne).toEqual([`The instances give the conversation ${conversation} differently.`]);
    expect(changed(swap)).toContain(
      'The message msg_q1 was acknowledged before msg_x1 was asked for, and stands after it.',
    );
  });

  it('finds a doubled call of the model', () => {
    expect(changed(asItWas, [call('k3')])).toEqual(['2 calls of the model were answered with 200 for the key k3.']);
  });

  it('finds a stuck answer', () => {
    expect(changed(withFields('msg_a1', { status: 'STREAMING' }))).toEqual(['The answer msg_a1 is still STREAMING.']);
  });

  it('finds a text that differs: in what is stored, in what was delivered, and at the end', () => {
    expect(changed(withFields('msg_a1', { content: 'All that nobody said.' }))).toContain(
      'The answer msg_a1 holds a text that the model did not say.',
    );
    expect(changed(asItWas, [heard('All but the')])).toEqual([
      'A follower of msg_a2 was given a text that the model did not say.',
    ]);
    const finished = { status: 'COMPLETE', content: 'All', reasoning: '' };
    expect(changed(asItWas, [heard('All', { finished })])).toEqual([
      'A follower of msg_a2 was told another end than is stored.',
    ]);
  });
});

describe('It also finds', () => {
  it('what nobody wrote, and what was refused and is there', () => {
    expect(changed(withFields('msg_x1', { content: 'who?' }))).toContain(
      'The message msg_x1 is stored, and nobody wrote it.',
    );
    const history = smallHistory(both).map((event) =>
      event.type === 'end' && event.op === 2
        ? { ...event, outcome: 'refused' as const, code: 'CONFLICT', reason: 'ANSWER_IN_PROGRESS' }
        : event,
    );
    expect(checkHistory(history)).toContain('The message msg_x1 is stored, though its key k2 was refused.');
  });

  it('an answer given up though its instance lived; none where it was killed, cut off for long, or never knew that it had one to write', () => {
    const lost = withFields('msg_a2', { status: 'INTERRUPTED', error: 'INSTANCE_LOST', content: 'All' });
    const end = { finished: { status: 'INTERRUPTED', content: 'All', reasoning: '' } };
    const transcript = heard('All that', end);
    const isOurs = (text: string) => !text.includes('another end');
    const sentence = 'The answer msg_a2 ended as that of a lost instance, and its instance lived.';
    expect(changed(lost, [transcript]).filter(isOurs)).toEqual([sentence]);
    expect(changed(lost, [transcript, fault('kill -9')]).filter(isOurs)).toEqual([]);
    const over: HistoryEvent = { type: 'modelEnded', key: 'k3' };
    const killed = { ...fault('kill -9'), atMs: 40_000 };
    expect(changed(lost, [over, transcript, killed]).filter(isOurs)).toEqual([sentence]);
    const hole = (fromMs: number, toMs: number) => [
      { ...fault('line to PostgreSQL a black hole'), atMs: fromMs },
      { ...fault('line to PostgreSQL a black hole', 'end'), atMs: toMs },
    ];
    expect(changed(lost, [transcript, ...hole(0, 10_500)]).filter(isOurs)).toEqual([sentence]);
    expect(changed(lost, [transcript, ...hole(0, 8000), ...hole(9000, 15_000)]).filter(isOurs)).toEqual([]);
    const never = withFields('msg_a2', { status: 'INTERRUPTED', error: 'INSTANCE_LOST', content: '' });
    const history = smallHistory((stored) => both(never(stored)));
    expect(checkHistory(history.filter((event) => event.type !== 'model' || event.key !== 'k3'))).not.toContain(
      sentence,
    );
    expect(checkHistory(history)).toContain(sentence);
  });

  it('a follower that was given more than a living writer stored, or too much of a dead one', () => {
    const cut = withFields('msg_a2', { status: 'FAILED', content: 'All' });
    expect(changed(cut, [heard('All that')])).toContain(
      'A follower of msg_a2 was given 5 code units beyond what is stored, though its writer lived.',
    );
    const long = 'x'.repeat(5000);
    const lost = withFields('msg_a2', { status: 'INTERRUPTED', error: 'INSTANCE_LOST', content: '' });
    const history = smallHistory((stored) => both(lost(stored)), [heard(long), fault('kill -9')]).map((event) =>
      event.type === 'model' ? { ...event, content: long } : event,
    );
    expect(checkHistory(history)).toContain(
      'A follower of msg_a2 was given 5000 code units beyond what is stored, and 2048 are the most.',
    );
  });

  it('a follower that was never told its end, and one that was told nonsense', () => {
    expect(changed(asItWas, [heard('All', { ended: 'never', finished: null })])).toEqual([
      'A follower of msg_a2 was never told its end.',
    ]);
    expect(changed(asItWas, [heard('All', { broken: ['a delta at 9 after 3'] })])).toEqual([
      'A follower of msg_a2 was told a delta at 9 after 3.',
    ]);
  });

  it.each([
    ['INTERNAL', {}, 'Operation 9 (readPage) was refused with INTERNAL.'],
    ['UNAVAILABLE', {}, 'Operation 9 (readPage) was refused with an UNAVAILABLE that is not retryable.'],
    ['CONFLICT', { reason: 'IDEMPOTENCY_KEY_REUSED' }, 'was refused with CONFLICT IDEMPOTENCY_KEY_REUSED.'],
    ['NOT_FOUND', {}, `Operation 9 (readPage) was told that ${conversation} is not there, and it is.`],
  ])('a refusal that there must not be: %s', (code, more, sentence) => {
    expect(changed(asItWas, refused(code, more))).toEqual([expect.stringContaining(sentence)]);
    expect(changed(asItWas, refused('UNAVAILABLE', { retryable: true }))).toEqual([]);
  });

  it('a lease that had run out for long, and what is left open', () => {
    const lease: HistoryEvent = { type: 'lease', runs: 1, answer: 'msg_a1', expiredMs: 31_000 };
    const left: HistoryEvent = { type: 'left', where: 'instance a', what: 'Timeout', before: 3, after: 4 };
    expect(changed(asItWas, [lease, left])).toEqual([
      'The lease of msg_a1 had run out 31 s before.',
      'instance a: Timeout were 3 before and are 4 at the end.',
    ]);
  });

  it('a lease that had run out for long, but for the time in which nobody could have renewed it', () => {
    const gone = (name: string, instance: 'a' | 'b' | null) =>
      (['begin', 'end'] as const).map(
        (phase): HistoryEvent => ({ type: 'fault', fault: name, phase, instance, answersRunning: 5 }),
      );
    const looks = (expiredMs: number): HistoryEvent => ({ type: 'lease', runs: 1, answer: 'msg_a1', expiredMs });
    const [killed, back] = gone('kill -9', 'a');
    const [stopped, goesOn] = gone('SIGSTOP for 20 s', 'b');
    const times = [1000, 5000, 20_000, 25_000, 42_000];
    const events = [killed, stopped, back, goesOn, looks(40_000)].flatMap((event, index) =>
      event ? [{ ...event, atMs: times[index] ?? 0 }] : [],
    );
    expect(checkHistory(events)).toEqual([]);
    expect(checkHistory(events.slice(1))).toEqual(['The lease of msg_a1 had run out 40 s before.']);
  });

  it('a rating that was not the last one, and a device that shows something else', () => {
    const rate = (op: number, rating: string): HistoryEvent[] => [
      {
        ...{ type: 'begin', op, kind: 'rateMessage', person: 'p1', instance: 'a' },
        ...{ key: null, conversation, message: 'msg_a1', wrote: [rating] },
      },
      { type: 'end', op, outcome: 'ok', result: {} },
    ];
    expect(changed(withFields('msg_a1', { rating: 'UP' }), [...rate(10, 'UP'), ...rate(11, 'DOWN')])).toEqual([
      'What rateMessage wrote last to msg_a1 is not what is stored.',
    ]);
    expect(changed(withFields('msg_a1', { rating: 'DOWN' }), [...rate(10, 'UP'), ...rate(11, 'DOWN')])).toEqual([]);
    const device: HistoryEvent = {
      ...{ type: 'device', person: 'p1', conversation, deleted: false, broken: [], errors: [] },
      messages: smallHistory(both).flatMap((event) =>
        event.type === 'stored' && event.instance === 'a' ? (event.messages ?? []).slice(1) : [],
      ),
    };
    expect(changed(asItWas, [device])).toEqual([
      `The device of p1 on ${conversation} never heard of the message msg_q1.`,
    ]);
  });
});
