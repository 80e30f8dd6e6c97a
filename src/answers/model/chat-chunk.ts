/** What one chunk of a streamed chat completion says. */
export interface ChatChunk {
  readonly text: string;
  readonly reasoning: string;
  /** The provider's word, once it has finished. */
  readonly finishReason: string | null;
  readonly usage: { readonly promptTokens: number | null; readonly completionTokens: number | null } | null;
  /** The chunk is an error in disguise. */
  readonly failed: boolean;
}

const greatestCount = 2 ** 31 - 1;

/**
 * Reads a chunk as OpenAI and the servers that follow it write them, with nothing taken for granted: a field of a
 * wrong type reads as one that is not there.
 */
export function readChatChunk(chunk: unknown): ChatChunk {
  const choice = firstOf(fieldOf(chunk, 'choices'));
  const delta = fieldOf(choice, 'delta');
  const finishReason = fieldOf(choice, 'finish_reason');
  return {
    // A refusal is what the model says to the person, in place of content.
    text: textOf(delta, 'content') || textOf(delta, 'refusal'),
    // DeepSeek and vLLM write reasoning_content; Ollama, OpenRouter and newer vLLM reasoning; some write both, the same.
    reasoning: textOf(delta, 'reasoning_content') || textOf(delta, 'reasoning'),
    finishReason: typeof finishReason === 'string' && finishReason !== '' ? wordOf(finishReason) : null,
    usage: usageOf(fieldOf(chunk, 'usage')),
    failed: fieldOf(chunk, 'object') === 'error',
  };
}

function usageOf(usage: unknown): ChatChunk['usage'] {
  const promptTokens = countOf(usage, 'prompt_tokens');
  const completionTokens = countOf(usage, 'completion_tokens');
  return promptTokens === null && completionTokens === null ? null : { promptTokens, completionTokens };
}

/** The reason is stored and shown as it is: anything that is no plain word becomes one. */
const wordOf = (reason: string) => (/^[\w.:/-]{1,64}$/.test(reason) ? reason : 'unknown');

const firstOf = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

function textOf(value: unknown, name: string): string {
  const text = fieldOf(value, name);
  return typeof text === 'string' ? text : '';
}

function countOf(value: unknown, name: string): number | null {
  const count = fieldOf(value, name);
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= greatestCount ? count : null;
}
