import type { SeededRandom } from '../../support/seeded-random.js';
import { otherModels } from '../deployment/speech.js';
import type { AnswerWatcher } from './answer-watcher.js';

/** A message that somebody knows of, since its making was acknowledged. */
export interface KnownMessage {
  readonly id: string;
  /** Of an answer, and of a question itself. */
  readonly question: KnownQuestion | null;
  /** Somebody has asked for it to be erased. */
  erased: boolean;
}

export interface KnownQuestion {
  readonly id: string;
  readonly key: string;
  readonly watchers: AnswerWatcher[];
  /** How often it was answered anew: by another model each time. */
  again: number;
  erased: boolean;
}

/** What somebody knows of a conversation. */
export class KnownConversation {
  readonly messages: KnownMessage[] = [];
  private readonly questions: KnownQuestion[] = [];

  constructor(readonly id: string) {}

  get lastAnswer(): KnownMessage | undefined {
    return this.messages.findLast(({ id, question }) => question && question.id !== id);
  }

  appended(ids: readonly string[]): void {
    this.messages.push(...ids.map((id) => ({ id, question: null, erased: false })));
  }

  asked(id: string, key: string, answer: string): KnownQuestion {
    const question: KnownQuestion = { id, key, watchers: [], again: 0, erased: false };
    this.questions.push(question);
    this.messages.push({ id, question, erased: false });
    this.answered(question, answer);
    return question;
  }

  answered(question: KnownQuestion, answer: string): void {
    this.messages.push({ id: answer, question, erased: false });
  }

  any(random: SeededRandom, newest: number): KnownMessage | null {
    return pick(random, this.messages.slice(-newest));
  }

  anyQuestion(random: SeededRandom): KnownQuestion | null {
    return pick(random, this.questions);
  }

  /** A question, or an answer to it. One that is erased is no longer asked: nobody could say what the model was. */
  toAnswerAnew(random: SeededRandom): KnownMessage | null {
    return pick(
      random,
      this.messages.filter(({ question }) => question && !question.erased && question.again < otherModels.length),
    );
  }

  /** Not a question of which the model may still be asked. */
  toErase(random: SeededRandom): KnownMessage | null {
    const isAnswered = ({ id, question }: KnownMessage) =>
      question?.id !== id || (question.again === 0 && question.watchers.some(({ isComplete }) => isComplete));
    return pick(
      random,
      this.messages.filter((message) => !message.erased && isAnswered(message)),
    );
  }
}

function pick<T>(random: SeededRandom, all: readonly T[]): T | null {
  const [first, ...others] = all;
  return first === undefined ? null : random.of(first, ...others);
}
