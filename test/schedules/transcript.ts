import type { FollowEvent } from '../../src/answers/follow.js';
import type { MessageRow } from '../../src/messages/message-row.js';
import type { AnswerText, Offsets } from '../../src/messages/message-texts.js';
import type { CastMember } from './cast.js';
import type { Script } from './scheduled-model.js';

/** What one follower was told, from its offset on. */
export class Transcript {
  readonly text: { content: string; reasoning: string } = { content: '', reasoning: '' };
  final: MessageRow | null = null;
  finishedAt: Offsets | null = null;
  /** Its subscription was closed by its instance. */
  left = false;
  ended = false;
  readonly faults: string[] = [];

  constructor(
    readonly at: CastMember,
    readonly answerId: string,
    readonly script: Script,
    readonly from: Offsets,
  ) {}

  take(event: FollowEvent): void {
    if (this.final) this.faults.push('an event came after the end');
    if (event.type === 'finished') {
      this.final = event.row;
      this.finishedAt = event.end;
      return;
    }
    const { from, content, reasoning } = event.piece;
    const gap = from.content !== this.end.content || from.reasoning !== this.end.reasoning;
    if (gap) this.faults.push(`a delta begins at ${JSON.stringify(from)} and not at ${JSON.stringify(this.end)}`);
    this.text.content += content;
    this.text.reasoning += reasoning;
    this.compareWithWhole(event.textSoFar());
  }

  /** Where it has read to. */
  get end(): Offsets {
    return {
      content: this.from.content + this.text.content.length,
      reasoning: this.from.reasoning + this.text.reasoning.length,
    };
  }

  private compareWithWhole(whole: AnswerText): void {
    for (const part of ['content', 'reasoning'] as const) {
      if (!whole[part].endsWith(this.text[part])) this.faults.push(`its whole ${part} does not end in its deltas`);
    }
  }
}
