import type { Sent } from '../../src/answers/answer.service.js';
import type { Script } from './scheduled-model.js';

/** One question under one key, which may be sent several times. */
export interface Asked {
  readonly key: string;
  readonly question: string;
  readonly script: Script;
  readonly acknowledged: Sent[];
}

/** How far an answer was durable when its lease was made to run out. */
export interface Expired {
  readonly answerId: string;
  readonly content: number;
  readonly reasoning: number;
}

export interface ScriptedAnswer {
  readonly answer: Sent['answer'];
  readonly script: Script;
}

/** What is stored, in clear. */
export interface StoredPlace {
  readonly id: string;
  readonly content: string;
}
