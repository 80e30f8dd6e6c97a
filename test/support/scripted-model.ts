import { type ModelCall, type ModelReply, ModelServer, withStatus } from './model-server.js';
import { until } from './until.js';

/** A model server that answers each question as was told for it, so that any number of answers can run at once. */
export class ScriptedModel {
  readonly #replies = new Map<string, ModelReply>();
  readonly #calls = new Map<string, ModelCall[]>();
  readonly #server: ModelServer;

  private constructor(server: ModelServer) {
    this.#server = server;
    server.replyWith((response, call) => {
      const question = lastQuestion(call);
      this.#calls.set(question, [...(this.#calls.get(question) ?? []), call]);
      return (this.#replies.get(question) ?? withStatus(500))(response, call);
    });
  }

  static async start(): Promise<ScriptedModel> {
    return new ScriptedModel(await ModelServer.start());
  }

  /** What a server needs to be told to ask this model. */
  get env(): NodeJS.ProcessEnv {
    return this.#server.env;
  }

  answer(question: string, reply: ModelReply): void {
    this.#replies.set(question, reply);
  }

  /** The call for this question, once it has come. */
  call(question: string): Promise<ModelCall> {
    return until(`the model is asked "${question}"`, () => this.#calls.get(question)?.[0]);
  }

  timesAsked(question: string): number {
    return this.#calls.get(question)?.length ?? 0;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

function lastQuestion({ body }: ModelCall): string {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  return String(messages.at(-1)?.content);
}
