import { randomUUID } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type AnswerDelta, type AnswerFinished, ClientText, followAnswer } from '../../support/answer-follower.js';
import { type Sent, sendMutation } from '../../support/conversations.js';
import type { GraphqlBody } from '../../support/http-client.js';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';

type Event = AnswerDelta | AnswerFinished;

/** What a client asked, and what came of it. */
export interface Asked {
  readonly question: string;
  readonly messageId: string;
  readonly answerId: string;
  readonly text: string;
  readonly finished: AnswerFinished;
}

/**
 * An application that asks, follows, and asks again, as one does in front of a deployment that is restarted: what was
 * cut is tried again, with the same key or from the cursor, and so is what is UNAVAILABLE and marked retryable.
 */
export class DeployClient {
  readonly asked: Asked[] = [];
  /** Whatever else it was told. */
  readonly errors: string[] = [];
  cuts = 0;
  unavailable = 0;

  constructor(private readonly person: Person) {}

  async askOn(newQuestion: () => string, isOver: () => boolean): Promise<void> {
    while (!isOver() && this.errors.length === 0) {
      const question = newQuestion();
      const { message, answer } = await this.send({ content: question, idempotencyKey: randomUUID() });
      const text = new ClientText();
      const finished = await this.follow(answer.id, text);
      const [messageId, answerId] = [message.id, answer.id];
      this.asked.push({ question, messageId, answerId, text: text.content, finished });
    }
  }

  private send(input: object): Promise<Sent['sendMessage']> {
    return until(
      'it is sent',
      async () => {
        const body = await this.person.graphql(sendMutation, { input }).catch(() => null);
        if (!body) this.cuts += 1;
        if (!body || this.isUnavailable(body.errors)) return null;
        return (body.data as unknown as Sent).sendMessage;
      },
      60_000,
    );
  }

  private follow(id: string, text: ClientText): Promise<AnswerFinished> {
    let cursor: string | null = null;
    const hear = async () => {
      for await (const { data, errors } of this.events(id, cursor)) {
        if (this.isUnavailable(errors)) return null;
        const event = data?.answer;
        if (event?.__typename === 'AnswerFinished') return event;
        if (!event) continue;
        if (event.offset !== text.content.length)
          this.errors.push(`a delta at ${event.offset} of ${text.content.length}`);
        text.apply(event);
        cursor = event.cursor;
      }
      return null;
    };
    const hearOnce = () =>
      hear().catch(() => {
        this.cuts += 1;
        return null;
      });
    return until('it is followed to its end', hearOnce, 60_000);
  }

  private async *events(id: string, after: string | null) {
    const client = createClient({
      url: `${this.person.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.person.token}` },
      retryAttempts: 0,
    });
    try {
      yield* client.iterate<{ answer: Event }>({ query: followAnswer, variables: { id, after } });
    } finally {
      await client.dispose();
    }
  }

  private isUnavailable(errors: GraphqlBody['errors'] | readonly unknown[]): boolean {
    const [error] = errors ?? [];
    if (!error) return false;
    const said = JSON.stringify(error);
    if (said.includes('"code":"UNAVAILABLE"') && said.includes('"retryable":true')) this.unavailable += 1;
    else this.errors.push(said);
    return true;
  }
}
