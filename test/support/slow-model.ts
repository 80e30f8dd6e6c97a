import { setTimeout as wait } from 'node:timers/promises';
import { chunk, done, type ModelReply, usageChunk } from './model-server.js';

export interface Pace {
  /** From one piece to the next. */
  readonly everyMs: number;
  /** After so many it has said all; as many as there is time for where it is left out. */
  readonly pieces?: number;
}

/** What it says as its nth piece: of several bytes and code units, and never the same. */
export const pieceOf = (number: number) => `${number} é日👩‍👧 `;

/** A model that speaks slowly, until it has said all or nobody listens any more. */
export const speaking =
  ({ everyMs, pieces = Number.POSITIVE_INFINITY }: Pace): ModelReply =>
  async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (let number = 1; number <= pieces && !response.destroyed; number += 1) {
      response.write(chunk({ content: pieceOf(number) }));
      await wait(everyMs);
    }
    if (!response.destroyed) response.end(chunk({}, 'stop') + usageChunk(7, pieces) + done);
  };
