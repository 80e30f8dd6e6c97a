import type { HistoryEvent, InstanceName, StoredMessage, Timed } from '../history.js';

export const conversation = 'cnv_1';
const person = 'p1';

export const message = (id: string, changed: Partial<StoredMessage>): StoredMessage => ({
  ...{ id, role: 'USER', status: 'COMPLETE', content: '', reasoning: '' },
  ...{ key: null, parent: null, rating: null, error: null, visible: true, erased: false },
  ...changed,
});

export const said = 'All that the model said.';

/** Of one conversation: two questions with their answers, and what was appended between them. */
const stored: readonly StoredMessage[] = [
  message('msg_q1', { content: 'one?', key: 'k1' }),
  message('msg_a1', { role: 'ASSISTANT', content: said, parent: 'msg_q1' }),
  message('msg_x1', { content: 'appended k2/0', parent: 'msg_a1' }),
  message('msg_q2', { content: 'two?', key: 'k3', parent: 'msg_x1' }),
  message('msg_a2', { role: 'ASSISTANT', content: said, parent: 'msg_q2' }),
];

/** What the two instances and the database hold; each may be changed. */
export interface Holds {
  readonly a: readonly StoredMessage[];
  readonly b: readonly StoredMessage[];
}

export const attempt = (op: number, begun: Partial<HistoryEvent>, ended: Partial<HistoryEvent>): HistoryEvent[] => [
  {
    ...{ type: 'begin', op, kind: 'sendMessage', person, instance: 'a' },
    ...{ key: null, conversation: null, message: null, wrote: [] },
    ...begun,
  } as HistoryEvent,
  { type: 'end', op, outcome: 'ok', ...ended } as HistoryEvent,
];

/** What clients did, one thing after the other. */
const done: readonly HistoryEvent[] = [
  ...attempt(1, { key: 'k1', wrote: ['one?'] }, { result: { conversation, messages: ['msg_q1', 'msg_a1'] } }),
  ...attempt(
    2,
    { kind: 'appendMessages', key: 'k2', conversation, wrote: ['appended k2/0'] },
    { result: { conversation, messages: ['msg_x1'] } },
  ),
  ...attempt(3, { key: 'k3', conversation, wrote: ['two?'] }, { outcome: 'unknown', code: 'socket hang up' }),
  ...attempt(
    4,
    { key: 'k3', conversation, wrote: ['two?'] },
    { result: { conversation, messages: ['msg_q2', 'msg_a2'] } },
  ),
];

export const call = (key: string): HistoryEvent => ({
  ...{ type: 'model', key, status: 200, content: said, reasoning: '', finishes: true, halfSecond: 10, shown: [] },
});

export const heard = (content: string, changed: object = {}): HistoryEvent => ({
  ...{ type: 'heard', person, answer: 'msg_a2', ended: 'finished', broken: [], errors: [] },
  text: { content, reasoning: '' },
  finished: { status: 'COMPLETE', content: said, reasoning: '' },
  ...changed,
});

const branchOf = (messages: readonly StoredMessage[]) => messages.filter(({ visible }) => visible).map(({ id }) => id);

/** A history in which every promise was kept, but for what is changed in it. */
export function smallHistory(change: (held: readonly StoredMessage[]) => Holds, more: readonly HistoryEvent[] = []) {
  const { a, b } = change(stored);
  const given = (instance: InstanceName, messages: readonly StoredMessage[]): HistoryEvent => ({
    ...{ type: 'stored', instance, person, conversation, title: 'one?', key: 'k1' },
    ...{ messages, visible: branchOf(messages), messageCount: branchOf(messages).length },
  });
  const rows = a.map(({ id, status, content }, index) => ({
    id,
    status,
    position: index + 1,
    hasText: content !== '',
  }));
  const events: readonly HistoryEvent[] = [
    ...done,
    call('k1'),
    call('k3'),
    heard(said.slice(0, 9)),
    ...more,
    given('a', a),
    given('b', b),
    { type: 'rows', conversation, rows },
  ];
  return events.map((event, index): Timed => ({ atMs: index * 10, ...event }));
}

export const both = (messages: readonly StoredMessage[]): Holds => ({ a: messages, b: messages });
