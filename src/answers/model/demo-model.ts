import { type Clock, pause } from '../../platform/clock.js';
import { demoAnswer, demoReasoning, piecesOf } from './demo-text.js';
import type { AnswerRequest, ModelEvent, ModelProvider } from './model.js';
import type { ModelSettings } from './model-catalogue.js';

/** The demonstration, as it stands in the catalogue. */
export const demoModelSettings: ModelSettings = Object.freeze({
  id: 'demo',
  name: 'Demonstration (no language model)',
  provider: 'demo',
  contextTokens: 16_384,
  maxOutputTokens: 4096,
  inputMicroUsdPerMTok: null,
  outputMicroUsdPerMTok: null,
});

const firstPieceMs = 120;
const thoughtMs = 25;
/** After one another, over and over: uneven as a model is, the same each time, 20 pieces a second. */
const pausesMs = [40, 55, 35, 70, 50];

/** Writes prepared text, so that Parley can be tried where no model is at hand. It says so. */
export class DemoModel implements ModelProvider {
  constructor(private readonly clock: Clock) {}

  async *answer(request: AnswerRequest): AsyncGenerator<ModelEvent, void, void> {
    const question = request.messages.findLast(({ role }) => role === 'USER')?.content ?? null;
    const thoughts = piecesOf(demoReasoning);
    const pieces = piecesOf(demoAnswer(question));
    const most = request.maxOutputTokens ?? pieces.length;
    const { signal } = request;

    await pause(this.clock, firstPieceMs, signal);
    for (const text of thoughts) {
      if (signal.aborted) return;
      yield { type: 'reasoning', text };
      await pause(this.clock, thoughtMs, signal);
    }
    let written = 0;
    for (const text of pieces.slice(0, most)) {
      if (signal.aborted) return;
      yield { type: 'text', text };
      written += 1;
      await pause(this.clock, pausesMs[written % pausesMs.length] ?? 0, signal);
    }
    if (signal.aborted) return;
    // Its pieces are its tokens. The prompt it has not read, so it has not counted it either.
    yield { type: 'usage', promptTokens: null, completionTokens: thoughts.length + written };
    yield { type: 'finish', reason: written < pieces.length ? 'length' : 'stop' };
  }
}
