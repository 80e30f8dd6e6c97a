import type { AnswerText, FinishedAnswer } from './follow-answer.js';

const dim = '\u001b[2m';
const undim = '\u001b[22m';
/** What is written by a model could otherwise move the cursor, change colours or rename the window. */
const controls = /[^\P{Cc}\n\t]/gu;

/** Text that a terminal shows and does not obey. */
export const forTerminal = (text: string) => text.replace(controls, '');

/** Writes an answer while it grows, the model's thoughts before it, dimmed. */
export class AnswerPrinter {
  private content = '';
  private thoughts = 0;

  constructor(private readonly out: NodeJS.WriteStream) {}

  show({ content, reasoning }: AnswerText): void {
    if (this.content === '' && reasoning.length > this.thoughts) this.writeThoughts(reasoning.slice(this.thoughts));
    if (this.content === '' && this.thoughts > 0 && content !== '') this.out.write('\n\n');
    this.writeContent(content);
  }

  /** Writes what is missing; false where the end of what was shown is not what was stored. */
  finish({ content, reasoning }: FinishedAnswer): boolean {
    const shown = this.content;
    this.show({ content, reasoning: reasoning ?? '' });
    const last = this.content || (this.thoughts > 0 ? 'thoughts' : '\n');
    if (!last.endsWith('\n')) this.out.write('\n');
    return content.startsWith(shown);
  }

  /** A file or a pipe gets the answer alone. */
  private writeThoughts(text: string): void {
    if (!this.out.isTTY) return;
    this.thoughts += text.length;
    this.out.write(this.out.hasColors() ? `${dim}${forTerminal(text)}${undim}` : forTerminal(text));
  }

  private writeContent(content: string): void {
    if (content.length <= this.content.length) return;
    const text = content.slice(this.content.length);
    this.content = content;
    this.out.write(this.out.isTTY ? forTerminal(text) : text);
  }
}
