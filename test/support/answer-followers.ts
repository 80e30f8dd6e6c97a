import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Person } from './person.js';

/** What one follower of one answer was told. */
export interface Transcript {
  readonly answerId: string;
  /** Made of deltas alone, each applied at its offset. */
  text: string;
  /** How many there were. */
  deltas: number;
  /** The answer as its end said; null while it runs. */
  final: { readonly status: string; readonly content: string } | null;
}

type Event =
  | { readonly __typename: 'AnswerDelta'; readonly offset: number; readonly text: string }
  | { readonly __typename: 'AnswerFinished'; readonly message: { readonly status: string; readonly content: string } };

const query = `subscription ($id: ID!) { answer(messageId: $id) {
  __typename
  ... on AnswerDelta { offset text }
  ... on AnswerFinished { message { status content } }
} }`;

/** One socket of one person, over which any number of answers is followed. */
export class AnswerFollowers {
  private readonly client: Client;
  private readonly following: Promise<Transcript>[] = [];

  constructor(person: Person) {
    this.client = createClient({
      url: `${person.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${person.token}` },
      retryAttempts: 0,
    });
  }

  /** Follows an answer to its end; the transcript grows meanwhile. */
  follow(answerId: string): Transcript {
    const transcript: Transcript = { answerId, text: '', deltas: 0, final: null };
    const run = this.run(transcript);
    // Whoever asks for the end is told what went wrong.
    run.catch(() => undefined);
    this.following.push(run);
    return transcript;
  }

  /** Resolves when all that is followed has ended; rejects where one ended with an error. */
  async ended(): Promise<readonly Transcript[]> {
    return await Promise.all(this.following);
  }

  async close(): Promise<void> {
    await this.client.dispose();
  }

  private async run(transcript: Transcript): Promise<Transcript> {
    const events = this.client.iterate<{ answer: Event }>({ query, variables: { id: transcript.answerId } });
    for await (const { data, errors } of events) {
      if (!data) throw new Error(`An event without data: ${JSON.stringify(errors)}`);
      const event = data.answer;
      if (event.__typename === 'AnswerFinished') transcript.final = event.message;
      else {
        if (event.offset > transcript.text.length) throw new Error('A delta begins beyond the end.');
        transcript.text = transcript.text.slice(0, event.offset) + event.text;
        transcript.deltas += 1;
      }
    }
    return transcript;
  }
}
