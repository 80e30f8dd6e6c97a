import { badUserInput } from '../errors.js';
import type { Limits } from '../limits.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { writeJsonObject } from '../platform/json-object.js';
import { checkText } from '../platform/unicode.js';
import type { CreateConversationInput, UpdateConversationInput } from './conversation-input.types.js';
import { conversationPlace, type TextColumn } from './conversation-row.js';
import { showsNothing, titleTerms, untitled } from './title.js';

/** What the checks of an input know beside it. */
export interface InputRules {
  readonly limits: Pick<Limits, 'titleCodeUnits' | 'systemPromptCodeUnits' | 'metadataBytes'>;
  /** The ids of the models that may be named. */
  readonly knownModels: readonly string[];
  /** How long temporary conversations live. */
  readonly temporaryHours: number;
}

/** What a person may say of a conversation, checked and in clear; null is the default. */
export interface ConversationTexts {
  readonly title: string | null;
  readonly systemPrompt: string | null;
  readonly model: string | null;
  /** JSON. */
  readonly metadata: string | null;
}

/** How a conversation begins, checked and in clear. */
export interface NewConversation extends ConversationTexts {
  /** Of a temporary one; null: it is kept. */
  readonly expiresInHours: number | null;
}

/** @throws BAD_USER_INPUT naming the field below `path`, e.g. `input.newConversation` */
export function readNewConversation(
  input: Partial<CreateConversationInput>,
  path: string,
  rules: InputRules,
): NewConversation {
  return { ...readTexts(input, path, rules), expiresInHours: input.temporary ? rules.temporaryHours : null };
}

type GivenTexts = Pick<UpdateConversationInput, keyof ConversationTexts>;
type TextRules = Omit<InputRules, 'temporaryHours'>;

function readTexts(input: GivenTexts, path: string, rules: TextRules): ConversationTexts {
  return {
    title: readTitle(`${path}.title`, input.title, rules),
    systemPrompt: readSystemPrompt(`${path}.systemPrompt`, input.systemPrompt, rules),
    model: readModel(`${path}.model`, input.model, rules.knownModels),
    metadata: writeJsonObject(`${path}.metadata`, input.metadata, rules.limits.metadataBytes),
  };
}

/** A change of a conversation, checked; what is absent stays. */
export type ConversationChange = Partial<ConversationTexts> & {
  readonly pinned?: boolean;
  readonly archived?: boolean;
};

/** @throws BAD_USER_INPUT naming the field */
export function readChange(input: UpdateConversationInput, rules: TextRules): ConversationChange {
  const texts = readTexts(input, 'input', rules);
  const { pinned, archived } = input;
  if (pinned === null) throw badUserInput('input.pinned', 'pinned is true or false; omit it to leave it as it is.');
  if (archived === null)
    throw badUserInput('input.archived', 'archived is true or false; omit it to leave it as it is.');
  return {
    ...(input.title !== undefined && { title: texts.title }),
    ...(input.systemPrompt !== undefined && { systemPrompt: texts.systemPrompt }),
    ...(input.model !== undefined && { model: texts.model }),
    ...(input.metadata !== undefined && { metadata: texts.metadata }),
    ...(pinned !== undefined && { pinned }),
    ...(archived !== undefined && { archived }),
  };
}

/** A title that shows nothing is none. */
function readTitle(field: string, title: string | null | undefined, { limits }: TextRules): string | null {
  if (title === null || title === undefined) return null;
  return showsNothing(checkText(field, title, limits.titleCodeUnits)) ? null : title;
}

function readSystemPrompt(field: string, prompt: string | null | undefined, { limits }: TextRules): string | null {
  if (prompt === null || prompt === undefined || prompt === '') return null;
  return checkText(field, prompt, limits.systemPromptCodeUnits);
}

/**
 * A model's id; null for the default.
 * @throws BAD_USER_INPUT, with the known ones, for another
 */
export function readModel(field: string, model: string | null | undefined, known: readonly string[]): string | null {
  if (model === null || model === undefined) return null;
  if (known.includes(model)) return model;
  throw badUserInput(field, `There is no model of that name here. There is: ${known.join(', ')}.`);
}

/** What a new conversation's row holds of what a person said. */
export interface SealedConversation {
  readonly sealedTitle: Buffer | null;
  readonly titleTerms: readonly Buffer[];
  readonly sealedSystemPrompt: Buffer | null;
  readonly sealedMetadata: Buffer | null;
  readonly model: string | null;
  readonly expiresInHours: number | null;
}

export function sealConversation(keys: OwnerKeys, id: string, texts: NewConversation): SealedConversation {
  const seal = (column: TextColumn, text: string | null) =>
    text === null ? null : keys.seal(conversationPlace(id, column), text);
  return {
    sealedTitle: seal('title', texts.title),
    titleTerms: titleTerms(keys, texts.title ?? untitled),
    sealedSystemPrompt: seal('system_prompt', texts.systemPrompt),
    sealedMetadata: seal('metadata', texts.metadata),
    model: texts.model,
    expiresInHours: texts.expiresInHours,
  };
}
