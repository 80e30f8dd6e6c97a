import type { FormattedExecutionResult } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type AnswerDelta, type AnswerFinished, ClientText, followAnswer } from '../../support/answer-follower.js';
import type { TestApp } from '../../support/app.js';
import { Person } from '../../support/person.js';
import type { SeededRandom } from '../../support/seeded-random.js';
import { type Cut, TcpProxy } from '../../support/tcp-proxy.js';

type Event = AnswerDelta | AnswerFinished;

/** Of each follower: while the model speaks, and after it. */
export const cutsStreaming = 4;
export const cuts = cutsStreaming + 1;
const mostBytes = 12_000;
/** AnswerFinished alone is longer than the most bytes between cuts, so that none comes too late. */
export const leastCodeUnits = mostBytes;

class UnexpectedEvent extends Error {}

/** Somebody who follows through a line that is cut again and again, and each time comes to another instance. */
export class CutFollower {
  readonly text = new ClientText();
  finished: AnswerFinished | null = null;
  cuts = 0;
  cutsStreaming = 0;
  /** Deltas that left a gap; or that said again what was there, where a cursor was given. */
  wrong = 0;
  private cursor: string | null = null;
  private connections = 0;
  private following: Promise<void> = Promise.resolve();
  private proxy: TcpProxy | null = null;
  private closed = false;

  constructor(
    private readonly apps: readonly [TestApp, TestApp],
    readonly resumes: 'by cursor' | 'by silent retry',
    private readonly random: SeededRandom,
    private readonly isStreaming: () => boolean,
  ) {}

  async follow(token: string, id: string): Promise<void> {
    this.proxy = await TcpProxy.start(
      () => this.nextApp().url,
      () => this.nextCut(),
      () => this.wasCut(),
    );
    if (this.closed) return await this.close();
    const person = new Person(this.proxy.url, token);
    this.following = this.resumes === 'by cursor' ? this.resumeByCursor(person, id) : this.retrySilently(person, id);
    await this.following;
  }

  /** Also in the middle of it. */
  async close(): Promise<void> {
    this.closed = true;
    await this.proxy?.close();
    this.proxy = null;
    await this.following.catch(() => undefined);
  }

  private nextApp(): TestApp {
    this.connections += 1;
    return this.apps[this.connections % 2 === 0 ? 0 : 1];
  }

  private nextCut(): Cut | null {
    if (this.cuts === cuts) return null;
    // Many fall into the first exchanges of a connection, where little is said.
    const afterBytes = this.random.next() < 0.25 ? this.random.between(1, 900) : this.random.between(900, mostBytes);
    return { afterBytes, how: this.random.of('end', 'reset') };
  }

  private wasCut(): void {
    this.cuts += 1;
    if (this.isStreaming()) this.cutsStreaming += 1;
  }

  private async resumeByCursor(person: Person, id: string): Promise<void> {
    while (!this.finished && !this.closed) {
      try {
        await this.hear(person.follow<{ answer: Event }>(followAnswer, { id, after: this.cursor }));
      } catch (error) {
        if (error instanceof UnexpectedEvent) throw error;
        // The line was cut: go on from the cursor.
      }
    }
  }

  /** As a library does by itself: with the first variables each time. */
  private async retrySilently({ url, token }: Person, id: string): Promise<void> {
    const client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 100,
      retryWait: () => Promise.resolve(),
      shouldRetry: () => !this.closed,
    });
    try {
      while (!this.finished) await this.hear(client.iterate({ query: followAnswer, variables: { id } }));
    } finally {
      await client.dispose();
    }
  }

  private async hear(events: AsyncIterable<FormattedExecutionResult<{ answer: Event }, unknown>>): Promise<void> {
    for await (const { data, errors } of events) {
      if (data) this.take(data.answer);
      // So many new connections may be more than a busy machine serves in time; it says so, and that trying again helps.
      else if (errors?.[0]?.extensions?.code === 'UNAVAILABLE') return;
      else throw new UnexpectedEvent(`An event without data: ${JSON.stringify(errors)}`);
    }
  }

  private take(event: Event): void {
    if (event.__typename === 'AnswerFinished') {
      this.finished = event;
      return;
    }
    const { length } = this.text.content;
    if (event.offset > length || (this.resumes === 'by cursor' && event.offset < length)) this.wrong += 1;
    if (!event.text.isWellFormed()) this.wrong += 1;
    this.text.apply(event);
    this.cursor = event.cursor;
  }
}
