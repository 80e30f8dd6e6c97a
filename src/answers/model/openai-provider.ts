import OpenAI from 'openai';
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import type { Stream } from 'openai/streaming';
import { type Clock, pause } from '../../platform/clock.js';
import { readChatChunk } from './chat-chunk.js';
import { type AnswerRequest, ModelError, type ModelEvent, type ModelProvider, type PromptMessage } from './model.js';
import { firstDialect, type OpenAiDialect, simplerDialect } from './openai-dialect.js';
import { describeFailure, failedMidway, notAModel } from './openai-failure.js';

/** The server to ask. */
export interface OpenAiAddress {
  /** With the version, as in `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  /** Null: none is sent, which servers on one's own machine do not mind. */
  readonly apiKey: string | null;
}

const mostRetries = 2;
const firstBackoffMs = 500;
/** A provider that asks for a longer pause is not waited for: the person learns at once that it is busy. */
const longestPauseMs = 10_000;
/** For the count of tokens, which follows the end of the answer; a server that keeps silent then has none. */
const usageWaitMs = 2000;

/** Any server that speaks OpenAI's chat completions: OpenAI, Azure, Ollama, vLLM, OpenRouter, … */
export class OpenAiProvider implements ModelProvider {
  private readonly client: OpenAI;
  /** By model, since one server may pass requests on to many. Their number is that of the configured models. */
  private readonly dialects = new Map<string, OpenAiDialect>();

  constructor(
    private readonly address: OpenAiAddress,
    private readonly clock: Clock,
    /** From 0 to 1, for the jitter of pauses. */
    private readonly random: () => number = Math.random,
  ) {
    this.client = new OpenAI({
      baseURL: address.baseUrl,
      // The SDK wants one; where there is none, the header that it would make is left out.
      apiKey: address.apiKey ?? 'none',
      defaultHeaders: address.apiKey === null ? { authorization: null } : {},
      // What is null here would be read from the environment past the configuration.
      organization: null,
      project: null,
      adminAPIKey: null,
      webhookSecret: null,
      // The SDK would also repeat calls that the model may have begun on.
      maxRetries: 0,
      // Its log lines quote what providers say.
      logLevel: 'off',
      // A prompt goes to the configured address and to no other.
      fetchOptions: { redirect: 'manual' },
    });
  }

  async *answer(request: AnswerRequest): AsyncGenerator<ModelEvent, void, void> {
    const stream = await this.open(request);
    if (stream) yield* this.read(stream, request.signal);
  }

  /** Asks until a stream is there; null where the request was aborted before. */
  private async open(request: AnswerRequest): Promise<Stream<ChatCompletionChunk> | null> {
    let dialect = this.dialects.get(request.model) ?? firstDialect(this.address.baseUrl);
    let retries = 0;
    while (!request.signal.aborted) {
      try {
        const stream = await this.call(request, dialect);
        // Only now: a refusal that merely quotes a prompt must not change how others are asked.
        this.dialects.set(request.model, dialect);
        return stream;
      } catch (thrown) {
        if (request.signal.aborted) return null;
        if (!(thrown instanceof OpenAI.APIError)) throw thrown;
        const failure = describeFailure(thrown, this.clock.now());
        const simpler = simplerDialect(dialect, failure);
        if (simpler) {
          dialect = simpler;
          continue;
        }
        const pauseMs = failure.retryAfterMs ?? firstBackoffMs * 2 ** retries;
        if (!failure.unanswered || retries === mostRetries || pauseMs > longestPauseMs) throw failure.error;
        retries += 1;
        await pause(this.clock, pauseMs * (1 + this.random() / 4), request.signal);
      }
    }
    return null;
  }

  private async call(request: AnswerRequest, dialect: OpenAiDialect): Promise<Stream<ChatCompletionChunk>> {
    const { data: stream, response } = await this.client.chat.completions
      .create(bodyOf(request, dialect), { signal: request.signal })
      .withResponse();
    if (!response.headers.get('content-type')?.startsWith('text/html')) return stream;
    stream.controller.abort();
    throw notAModel();
  }

  private async *read(
    stream: Stream<ChatCompletionChunk>,
    signal: AbortSignal,
  ): AsyncGenerator<ModelEvent, void, void> {
    const chunks = stream[Symbol.asyncIterator]();
    let finishReason: string | null = null;
    try {
      for (;;) {
        const next = await (finishReason === null ? chunks.next() : this.soon(chunks.next()));
        if (next === null || next.done) break;
        const chunk = readChatChunk(next.value);
        if (chunk.failed) throw failedMidway();
        if (chunk.reasoning) yield { type: 'reasoning', text: chunk.reasoning };
        if (chunk.text) yield { type: 'text', text: chunk.text };
        if (chunk.usage) yield { type: 'usage', ...chunk.usage };
        finishReason ??= chunk.finishReason;
      }
    } catch (thrown) {
      // A connection that broke, or bytes that are no chunk, end the stream: only what the provider says is a failure.
      // Once it has said why it finished, the answer is whole, whatever comes after.
      const said = thrown instanceof OpenAI.APIError || thrown instanceof ModelError;
      if (said && finishReason === null && !signal.aborted) throw failedMidway();
    } finally {
      stream.controller.abort();
    }
    if (finishReason !== null && !signal.aborted) yield { type: 'finish', reason: finishReason };
  }

  /** What comes within the wait for usage; null where nothing does. */
  private soon<T>(next: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(usageWaitMs, () => resolve(null));
      next.then(resolve, reject).finally(cancel);
    });
  }
}

function bodyOf(request: AnswerRequest, dialect: OpenAiDialect): ChatCompletionCreateParamsStreaming {
  return {
    model: request.model,
    messages: request.messages.map(toChatMessage),
    stream: true,
    ...(dialect.streamUsage ? { stream_options: { include_usage: true } } : {}),
    ...(dialect.limitField && request.maxOutputTokens !== null
      ? { [dialect.limitField]: request.maxOutputTokens }
      : {}),
  };
}

function toChatMessage({ role, content }: PromptMessage) {
  if (role === 'SYSTEM') return { role: 'system', content } as const;
  return role === 'USER' ? ({ role: 'user', content } as const) : ({ role: 'assistant', content } as const);
}
