import { setTimeout as pause } from 'node:timers/promises';
import { cutAnywhere, cutBytes, hardText } from '../../support/hard-text.js';
import { chunk, done, type ModelReply } from '../../support/model-server.js';
import type { SeededRandom } from '../../support/seeded-random.js';

const mostCodeUnits = 200_000;
const paceMs = 4;

/**
 * A model that goes on with hard characters at a model's pace until `enough` says so. Pieces end within surrogate pairs,
 * and chunks of the connection within characters.
 */
export class EndlessModel {
  /** What it has said. */
  text = '';
  streaming = true;

  constructor(
    private readonly random: SeededRandom,
    private readonly enough: (said: string) => boolean,
  ) {}

  readonly reply: ModelReply = async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const piece of cutAnywhere(this.random, hardText(this.random, mostCodeUnits), 24)) {
      this.text += piece;
      for (const bytes of cutBytes(this.random, chunk({ content: piece }), 150)) response.write(bytes);
      if (response.destroyed || (this.text.isWellFormed() && this.enough(this.text))) break;
      await pause(paceMs);
    }
    this.streaming = false;
    response.end(chunk({}, 'stop') + done);
  };
}
