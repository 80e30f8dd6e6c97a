import type { TestApp } from './app.js';
import { Person } from './person.js';

/** Sums as the API gives them. */
export interface ReadUsage {
  readonly answers: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costMicroUsd: number;
  readonly unreportedAnswers: number;
}

export const usageFields = 'answers promptTokens completionTokens costMicroUsd unreportedAnswers';

export const used = (
  answers: number,
  promptTokens: number,
  completionTokens: number,
  costMicroUsd: number,
  unreportedAnswers: number,
): ReadUsage => ({ answers, promptTokens, completionTokens, costMicroUsd, unreportedAnswers });

/** At one millionth of a dollar for a token that is read, and two for one that is written; `plain` has no prices. */
export const pricedModels = (maxOutputTokens = 1000): NodeJS.ProcessEnv => ({
  MODELS: JSON.stringify([
    { id: 'scripted', maxOutputTokens, inputMicroUsdPerMTok: 1_000_000, outputMicroUsdPerMTok: 2_000_000 },
    { id: 'plain', maxOutputTokens },
  ]),
});

/** Somebody whose tokens say more than their name. */
export const personWith = (app: TestApp, name: string, claims: object): Person =>
  new Person(app.url, app.token(name, claims));

const query = `query ($from: DateTime, $to: DateTime) { viewer { usage(from: $from, to: $to) { ${usageFields} } } }`;

export async function readUsage(person: Person, period: { from?: string; to?: string } = {}): Promise<ReadUsage> {
  return (await person.data<{ viewer: { usage: ReadUsage } }>(query, period)).viewer.usage;
}

export async function usageOfConversation(person: Person, id: string): Promise<ReadUsage> {
  const read = `query ($id: ID!) { conversation(id: $id) { usage { ${usageFields} } } }`;
  const { conversation } = await person.data<{ conversation: { usage: ReadUsage } }>(read, { id });
  return conversation.usage;
}
