import { createInterface } from 'node:readline';
import { CommandError } from '../describe-failure.js';

/** Above what any server takes; more is a mistake, and would only fill the memory. */
const longestInput = 1024 * 1024;
/** The lines of a pasted text come one after another, without a hand between them. */
const pasteMs = 30;

/** All of what is piped in, without the line break at its end. */
export async function readPipedQuestion(input: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const part of input.setEncoding('utf8')) {
    text += String(part);
    if (text.length > longestInput) throw new CommandError('The question on standard input is longer than 1 MiB.');
  }
  const question = text.replace(/[\r\n]+$/, '');
  if (question.trim() === '') throw new CommandError('There is no question: give one, e.g. parley chat "Hello".');
  return question;
}

/**
 * Asks the person at the terminal for the next question; null where they leave, by Ctrl-C or Ctrl-D. Each question has
 * a reader of its own, for while one is open Ctrl-C is a key and no signal. `history`: the newest first.
 */
export function readTypedQuestion(host: NodeJS.Process, history: readonly string[]): Promise<string | null> {
  const reader = createInterface({
    input: host.stdin,
    output: host.stderr,
    prompt: '> ',
    history: [...history],
    terminal: true,
  });
  const lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    reader.on('line', (line) => {
      lines.push(line);
      clearTimeout(timer);
      // Of a text that was pasted without its last line break, the rest waits for Enter.
      timer = setTimeout(() => {
        if (reader.line === '') leave(lines.join('\n'));
      }, pasteMs);
    });
    reader.on('SIGINT', () => leave(null));
    reader.on('close', () => leave(null));
    const leave = (question: string | null) => {
      clearTimeout(timer);
      resolve(question);
      reader.close();
    };
    reader.prompt();
  });
}
