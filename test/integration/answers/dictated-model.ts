import type { AnswerRequest, ModelEvent, ModelProvider } from '../../../src/answers/model/model.js';
import { until } from '../../support/until.js';

/** One answer that a test dictates, event by event. */
export class DictatedAnswer {
  private readonly events: ModelEvent[] = [];
  private ended = false;
  private wake = () => {};

  constructor(readonly request: AnswerRequest) {
    request.signal.addEventListener('abort', () => this.end(), { once: true });
  }

  say(text: string): void {
    this.push({ type: 'text', text });
  }

  think(text: string): void {
    this.push({ type: 'reasoning', text });
  }

  push(event: ModelEvent): void {
    this.events.push(event);
    this.wake();
  }

  /** The model says that it has finished. */
  finish(): void {
    this.push({ type: 'finish', reason: 'stop' });
    this.end();
  }

  /** The stream just ends. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  async *read(): AsyncGenerator<ModelEvent, void, void> {
    for (;;) {
      const event = this.events.shift();
      if (event) yield event;
      else if (this.ended || this.request.signal.aborted) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

/** A model that says what a test says. */
export class DictatedModel implements ModelProvider {
  readonly answers: DictatedAnswer[] = [];

  answer(request: AnswerRequest): AsyncIterable<ModelEvent> {
    const answer = new DictatedAnswer(request);
    this.answers.push(answer);
    return answer.read();
  }

  /** The `index`th answer that was asked for, as soon as it was. */
  asked(index: number): Promise<DictatedAnswer> {
    return until(`the model is asked ${index + 1} times`, () => this.answers[index]);
  }
}
