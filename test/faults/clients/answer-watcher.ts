import { setTimeout as wait } from 'node:timers/promises';
import { type AnswerDelta, type AnswerFinished, ClientText, followAnswer } from '../../support/answer-follower.js';
import type { SeededRandom } from '../../support/seeded-random.js';
import type { Heard } from '../history.js';
import { holdLine } from './live-line.js';
import { anyInstance, type World } from './world.js';

/** How a client goes on after its connection was lost. */
export type Resumption = 'by cursor' | 'from the start';

/** Follows one answer to its end, over as many connections to any instance as it takes, and logs what it was told. */
export class AnswerWatcher {
  private readonly text = new ClientText();
  private finished: AnswerFinished | null = null;
  private ended: Heard['ended'] | null = null;
  private cursor: string | null = null;
  private readonly broken: string[] = [];
  private readonly errors: Heard['errors'][number][] = [];

  constructor(
    private readonly world: World,
    private readonly person: string,
    private readonly answer: string,
    private readonly random: SeededRandom,
  ) {}

  get hasEnded(): boolean {
    return this.ended !== null;
  }

  /** Has the model been asked, and said all of it? */
  get isComplete(): boolean {
    return this.finished?.message.status === 'COMPLETE';
  }

  async watch(): Promise<void> {
    const resumption = this.random.of<Resumption>('by cursor', 'by cursor', 'from the start');
    let ended: Heard['ended'] | null = null;
    while (ended === null) ended = await this.connect(resumption);
    this.ended = ended;
    const { content, reasoning } = this.text;
    this.world.history.add({
      ...{ type: 'heard', person: this.person, answer: this.answer, ended, broken: this.broken, errors: this.errors },
      text: { content, reasoning },
      finished: this.finished && {
        status: this.finished.message.status,
        content: this.finished.message.content,
        reasoning: this.finished.message.reasoning ?? '',
      },
    });
  }

  /** Null where it has to go on. */
  private async connect(resumption: Resumption): Promise<Heard['ended'] | null> {
    const { world, random } = this;
    if (world.leaving.aborted) return 'never';
    const isErased = world.erased.has(this.answer);
    const after = resumption === 'by cursor' ? this.cursor : null;
    const end = await holdLine<{ answer: AnswerDelta | AnswerFinished }>({
      url: world.callers[anyInstance(random)].url,
      token: world.tokenOf(this.person),
      query: followAnswer,
      variables: { id: this.answer, after },
      onEvent: ({ answer }) => {
        if (isErased && textOf(answer) !== '') this.broken.push('what had been erased');
        this.take(answer, after !== null);
      },
      cutAfterMs: random.next() < 0.4 ? random.between(50, 4000) : null,
      signal: world.leaving,
    });
    if (this.finished) return 'finished';
    if (end.how === 'complete') this.broken.push('that it is complete, without its end');
    if (end.how === 'refused') {
      const { code, retryable } = end.errors[0]?.extensions ?? { code: 'NONE', retryable: false };
      this.errors.push({ code: String(code), retryable: retryable === true });
      if (code === 'NOT_FOUND') return 'deleted';
      if (code !== 'UNAVAILABLE') return 'left';
    }
    await wait(random.between(20, 500));
    return null;
  }

  private take(event: AnswerDelta | AnswerFinished, byCursor: boolean): void {
    if (this.finished) this.broken.push('something after AnswerFinished');
    if (event.__typename === 'AnswerFinished') {
      this.finished = event;
      return;
    }
    const { content, reasoning } = this.text;
    const parts = [
      { at: event.offset, text: event.text, known: content },
      { at: event.reasoningOffset ?? reasoning.length, text: event.reasoning ?? '', known: reasoning },
    ];
    for (const { at, text, known } of parts) {
      if (at > known.length) this.broken.push(`a delta at ${at} after ${known.length}`);
      if (byCursor && at < known.length) this.broken.push('again what lies before its cursor');
      const overlap = known.slice(at, at + text.length);
      if (overlap !== text.slice(0, overlap.length)) this.broken.push(`another text at ${at} than before`);
    }
    // One that begins again says less at first than what is known: only what is new is applied.
    if (event.offset + event.text.length > content.length) this.text.apply({ ...event, reasoningOffset: null });
    const thoughtAt = event.reasoningOffset ?? 0;
    const thought = event.reasoning ?? '';
    if (thoughtAt + thought.length > reasoning.length) {
      this.text.reasoning = reasoning.slice(0, thoughtAt) + thought;
    }
    this.cursor = event.cursor;
  }
}

function textOf(event: AnswerDelta | AnswerFinished): string {
  if (event.__typename === 'AnswerDelta') return event.text + (event.reasoning ?? '');
  return event.message.content + (event.message.reasoning ?? '');
}
