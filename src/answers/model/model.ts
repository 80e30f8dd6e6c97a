/** One message of the prompt, in the order in which it was said. */
export interface PromptMessage {
  readonly role: 'SYSTEM' | 'USER' | 'ASSISTANT';
  readonly content: string;
}

export interface AnswerRequest {
  /** The model's id, as its provider knows it. */
  readonly model: string;
  readonly messages: readonly PromptMessage[];
  /** The most tokens the answer may have; null leaves it to the provider. */
  readonly maxOutputTokens: number | null;
  /** Aborting it ends the answer at once, quietly, and closes the connection to the provider. */
  readonly signal: AbortSignal;
}

/** What a model says while it answers. */
export type ModelEvent =
  /** The next piece of the answer, never empty. It may end in half a surrogate pair; the next begins with the other half. */
  | { readonly type: 'text'; readonly text: string }
  /** The next piece of what the model thinks aloud, by the same rules. */
  | { readonly type: 'reasoning'; readonly text: string }
  /** What was used so far, null where the provider does not say. It may come several times: the last one counts. */
  | { readonly type: 'usage'; readonly promptTokens: number | null; readonly completionTokens: number | null }
  /** The answer is whole. Always the last event; `reason` is the provider's word: stop, length, content_filter, … */
  | { readonly type: 'finish'; readonly reason: string };

/**
 * A model that can be asked. Every call of `answer` begins at most one answer that the provider charges for.
 *
 * The iteration ends in one of three ways: after `finish`, which alone makes an answer complete; without it, where the
 * request was aborted or the stream broke off; or by throwing a {@link ModelError}, where the provider said or showed
 * that it fails. To stop it early abort the signal: `return()` alone waits for the event that is under way.
 */
export interface ModelProvider {
  answer(request: AnswerRequest): AsyncIterable<ModelEvent>;
}

export type ModelErrorCode =
  /** It failed while it answered, or with a fault of its own. */
  | 'PROVIDER_ERROR'
  /** It kept silent, or went on, for too long. */
  | 'PROVIDER_TIMEOUT'
  /** It will not answer this request: key, credit, model, length or content. */
  | 'PROVIDER_REFUSED'
  /** No connection to it came about. */
  | 'PROVIDER_UNREACHABLE'
  /** It has too much to do, or is not ready yet. */
  | 'PROVIDER_BUSY';

/**
 * Why a model gave no answer, or not all of it. `message` is a sentence of ours, safe to show to the person: nothing
 * that a provider said stands in it, since providers quote prompts and keys.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  /** May the same request succeed later? */
  readonly retryable: boolean;
  /** The provider's HTTP status, for a log line; null where there was none. */
  readonly status: number | null;

  constructor(code: ModelErrorCode, message: string, facts: { retryable: boolean; status?: number | null }) {
    super(message);
    this.code = code;
    this.retryable = facts.retryable;
    this.status = facts.status ?? null;
  }
}
