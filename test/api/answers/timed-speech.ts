import { setTimeout as wait } from 'node:timers/promises';
import type { AnswerFollower } from '../../support/answer-follower.js';
import { chunk, done, type ModelReply, usageChunk } from '../../support/model-server.js';
import { pieceOf } from '../../support/slow-model.js';

interface Moment {
  /** How long the text was then. */
  readonly length: number;
  readonly atMs: number;
}

/** A model that speaks until it is told to finish, and remembers when it said what. */
export class TimedSpeech {
  text = '';
  readonly said: Moment[] = [];
  private finishing = false;

  constructor(private readonly everyMs: number) {}

  readonly reply: ModelReply = async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (let number = 1; !this.finishing && !response.destroyed; number += 1) {
      const content = pieceOf(number);
      this.text += content;
      this.said.push({ length: this.text.length, atMs: performance.now() });
      response.write(chunk({ content }));
      await wait(this.everyMs);
    }
    if (!response.destroyed) response.end(chunk({}, 'stop') + usageChunk(7, this.said.length) + done);
  };

  finish(): void {
    this.finishing = true;
  }
}

/** When a follower had how much. */
export class Arrivals {
  private readonly moments: Moment[] = [];

  constructor(follower: AnswerFollower) {
    follower.client.socket.on('message', () => {
      this.moments.push({ length: follower.text.content.length, atMs: performance.now() });
    });
  }

  /** How long after each piece was said it was here, of those said in that time; what is not here yet counts until now. */
  delaysMs(speech: TimedSpeech, fromMs: number, toMs = Number.POSITIVE_INFINITY): number[] {
    const nowMs = performance.now();
    return speech.said
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .map(({ length, atMs }) => (this.moments.find((one) => one.length >= length)?.atMs ?? nowMs) - atMs);
  }
}

/** The value that so many per cent of them do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0;
}
