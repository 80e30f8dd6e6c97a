import { type AnswerRequest, ModelError, type ModelEvent, type ModelProvider } from '../../src/answers/model/model.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Schedule } from './schedule.js';

/** What the model says to one question. */
export interface Script {
  readonly events: readonly ModelEvent[];
  readonly end: 'finish' | 'cut' | 'failure' | 'silence';
  readonly content: string;
  readonly reasoning: string;
}

export function writeScript(random: SeededRandom): Script {
  const events: ModelEvent[] = [];
  const said = { text: '', reasoning: '' };
  const pieces = random.between(0, 10);
  const longest = random.of(20, 400, 3000);
  for (let piece = 0; piece < pieces; piece += 1) {
    const type = random.of<'text' | 'reasoning'>('text', 'text', 'text', 'reasoning');
    const text = Array.from({ length: random.between(1, longest) }, () => random.between(97, 122));
    const event = { type, text: String.fromCharCode(...text) };
    said[type] += event.text;
    events.push(event);
  }
  const end = random.of<Script['end']>('finish', 'finish', 'cut', 'failure', 'silence', 'silence');
  return { events, end, content: said.text, reasoning: said.reasoning };
}

/** Answers each question by its script, between whose words somebody else may go first. */
export class ScheduledModel {
  readonly scripts = new Map<string, Script>();
  /** The questions that were asked. */
  readonly calls: string[] = [];
  /** What it was shown each time, before the question and with it. */
  readonly shown: (readonly string[])[] = [];

  constructor(private readonly schedule: Schedule) {}

  providerOf(actor: string): ModelProvider {
    return { answer: (request) => this.answer(`${actor} model`, request) };
  }

  private async *answer(actor: string, { messages, signal }: AnswerRequest): AsyncGenerator<ModelEvent, void, void> {
    const question = messages.at(-1)?.content ?? '';
    this.calls.push(question);
    this.shown.push(messages.map(({ content }) => content));
    const script = this.scripts.get(question);
    if (!script) throw new Error('The model was asked what nobody asked.');
    for (const event of script.events) {
      await this.schedule.pause(actor, event.type);
      if (signal.aborted) return;
      yield event;
    }
    if (script.end === 'silence') return await aborted(signal);
    await this.schedule.pause(actor, script.end);
    if (signal.aborted) return;
    if (script.end === 'finish') yield { type: 'finish', reason: 'stop' };
    if (script.end === 'failure') throw new ModelError('PROVIDER_ERROR', 'It failed.', { retryable: true });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
