import { estimateTokens } from '../../platform/estimate-tokens.js';
import type { PromptMessage } from './model.js';

/** A message of the visible branch, as the context is chosen from it. */
export interface ContextCandidate {
  readonly role: PromptMessage['role'] | 'TOOL';
  readonly content: string;
  /** As `estimateTokens` says; kept with the message, so that choosing reads no text twice. */
  readonly tokenEstimate: number;
}

/**
 * The part of a conversation that a model is shown: the system prompt, then the newest messages that fit. Candidates
 * are added newest first, page by page, for as long as there is room. What is shown has no gaps: the first message
 * that does not fit is the end. The newest message, which is the question, is shown even where it does not fit.
 */
export class ContextWindow {
  private readonly newestFirst: PromptMessage[] = [];
  private readonly systemPrompt: string | null;
  private roomTokens: number;
  private full = false;

  /** `budgetTokens` is for all of it, the system prompt included. */
  constructor(systemPrompt: string | null, budgetTokens: number) {
    this.systemPrompt = systemPrompt || null;
    this.roomTokens = budgetTokens - (this.systemPrompt ? estimateTokens(this.systemPrompt) : 0);
  }

  /** Takes the next older message. False: there is no room for any more. */
  add(candidate: ContextCandidate): boolean {
    const { role, content } = candidate;
    // An answer without text, or an erased message, tells the model nothing, and some providers refuse it.
    if (this.full || role === 'TOOL' || content === '') return !this.full;
    const fits = candidate.tokenEstimate <= this.roomTokens;
    if (fits || this.newestFirst.length === 0) this.newestFirst.push({ role, content });
    this.roomTokens -= candidate.tokenEstimate;
    this.full = this.roomTokens <= 0;
    return !this.full;
  }

  /** The prompt: the system prompt, then what was chosen, oldest first. */
  messages(): PromptMessage[] {
    const chosen = this.newestFirst.toReversed();
    return this.systemPrompt === null ? chosen : [{ role: 'SYSTEM', content: this.systemPrompt }, ...chosen];
  }
}
