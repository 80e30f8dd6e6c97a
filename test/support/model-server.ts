import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { LLMock } from '@copilotkit/aimock';

/** One request that the model server got. */
export interface ModelCall {
  readonly path: string;
  readonly authorization: string | null;
  /** The JSON that was asked with. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves once the connection to the client, or this answer on it, is over: true where the answer was sent whole. */
  readonly closed: Promise<boolean>;
}

/** Answers one call; the connection is its to end. */
export type ModelReply = (response: ServerResponse, call: ModelCall) => void | Promise<void>;

/**
 * An OpenAI-compatible server on a free port of the loopback that does exactly what it is told, wrong things included.
 * Each call takes the next reply; the last one serves all calls that follow.
 */
export class ModelServer {
  readonly calls: ModelCall[] = [];
  private replies: ModelReply[] = [];
  private readonly server: Server;
  private arrived: (() => void)[] = [];

  private constructor() {
    this.server = createServer({ keepAlive: true }, (request, response) => void this.serve(request, response));
  }

  static async start(): Promise<ModelServer> {
    const model = new ModelServer();
    await new Promise<void>((resolve) => model.server.listen(0, '127.0.0.1', resolve));
    return model;
  }

  /** What `OPENAI_BASE_URL` is set to. */
  get baseUrl(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('The model server does not listen.');
    return `http://127.0.0.1:${address.port}/v1`;
  }

  /** What a server needs to be told to ask this model. */
  get env(): NodeJS.ProcessEnv {
    return { OPENAI_BASE_URL: this.baseUrl, DEFAULT_MODEL: 'scripted' };
  }

  /** From now on calls are answered so, in this order; the journal begins anew. */
  replyWith(...replies: ModelReply[]): void {
    this.replies = replies;
    this.calls.length = 0;
  }

  /** The call of that number, from 1, once it is there. */
  async call(number: number): Promise<ModelCall> {
    for (;;) {
      const call = this.calls[number - 1];
      if (call) return call;
      await new Promise<void>((resolve) => this.arrived.push(resolve));
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const call: ModelCall = {
      path: request.url ?? '',
      authorization: request.headers.authorization ?? null,
      body: JSON.parse(Buffer.concat(parts).toString() || '{}'),
      closed: new Promise((resolve) => response.once('close', () => resolve(response.writableFinished))),
    };
    const reply = this.replies[Math.min(this.calls.length, this.replies.length - 1)] ?? withStatus(500);
    this.calls.push(call);
    for (const resolve of this.arrived.splice(0)) resolve();
    await reply(response, call);
  }
}

/** One chunk of a streamed chat completion, as a server-sent event. */
export function chunk(delta: Readonly<Record<string, unknown>>, finishReason: string | null = null): string {
  return event({ choices: [{ index: 0, delta, finish_reason: finishReason }] });
}

export const usageChunk = (promptTokens: number, completionTokens: number): string =>
  event({ choices: [], usage: { prompt_tokens: promptTokens, completion_tokens: completionTokens } });

export const event = (data: Readonly<Record<string, unknown>>): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', ...data })}\n\n`;

export const done = 'data: [DONE]\n\n';

/** A whole answer of these pieces, as a model gives it. */
export const answered = (...pieces: string[]): ModelReply =>
  bytes(...pieces.map((content) => chunk({ content })), chunk({}, 'stop'), usageChunk(7, pieces.length), done);

/** A 200 with these parts, each in a chunk of its own, then the end. */
export const bytes =
  (...parts: (string | Uint8Array)[]): ModelReply =>
  async (response) => {
    openStream(response);
    for (const part of parts) await write(response, part);
    response.end();
  };

/** The same with every byte in a chunk of its own, so that no character of several bytes stays whole. */
export const byteByByte = (...parts: string[]): ModelReply =>
  bytes(...Array.from(Buffer.from(parts.join('')), (byte) => Uint8Array.of(byte)));

/** These parts, and then nothing: the connection stays open. */
export const stalled =
  (...parts: string[]): ModelReply =>
  async (response) => {
    openStream(response);
    for (const part of parts) await write(response, part);
  };

/** These parts, and then the connection is torn down. */
export const cut =
  (...parts: string[]): ModelReply =>
  async (response) => {
    openStream(response);
    for (const part of parts) await write(response, part);
    response.socket?.destroy();
  };

/** No answer at all: not even a status. */
export const silent: ModelReply = () => {};

export const withStatus =
  (status: number, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): ModelReply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

/** An answer whose pieces the test hands out one by one. */
export class ModelByHand {
  private response: ServerResponse | null = null;
  private opened: () => void = () => {};
  /** Resolves when the call is there. */
  readonly called = new Promise<void>((resolve) => {
    this.opened = resolve;
  });

  readonly reply: ModelReply = async (response) => {
    openStream(response);
    this.response = response;
    this.opened();
  };

  async text(content: string): Promise<void> {
    await this.send(chunk({ content }));
  }

  async reasoning(reasoning: string): Promise<void> {
    await this.send(chunk({ reasoning_content: reasoning }));
  }

  /** Ends the answer as a model does. */
  async finish(reason = 'stop', promptTokens = 7, completionTokens = 3): Promise<void> {
    await this.send(chunk({}, reason) + usageChunk(promptTokens, completionTokens) + done);
    this.response?.end();
  }

  /** Tears the connection down. */
  cut(): void {
    this.response?.socket?.destroy();
  }

  async send(part: string): Promise<void> {
    await this.called;
    if (this.response) await write(this.response, part);
  }
}

function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
}

/** Resolves when the part is on its way; at once where nobody listens any more. */
const write = (response: ServerResponse, part: string | Uint8Array) =>
  new Promise<void>((resolve) => {
    if (response.destroyed) return resolve();
    response.write(part, () => resolve());
  });

/** aimock on a free port of the loopback: streams at a model's pace, with its own journal (`getRequests`). */
export async function startAimock(): Promise<{ readonly mock: LLMock; readonly baseUrl: string }> {
  const mock = new LLMock({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
  await mock.start();
  return { mock, baseUrl: `${mock.url}/v1` };
}
