import { conversationPlace } from '../conversations/conversation-row.js';
import { unavailable } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import type { MessageRow } from '../messages/message-row.js';
import { messagePlace } from '../messages/message-texts.js';
import type { Clock } from '../platform/clock.js';
import type { Querier } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { estimateTokens } from '../platform/estimate-tokens.js';
import { untilAvailable } from '../platform/until-available.js';
import { ContextWindow } from './model/context-window.js';
import type { PromptMessage } from './model/model.js';
import { type ModelSettings, promptBudgetTokens } from './model/model-catalogue.js';
import { type AncestorRow, type AnswerPlace, findAncestors } from './prompt.repository.js';

/** An answer in its tree: what leads to it is what the model is shown. */
export interface PromptSource extends AnswerPlace {
  /** As the conversation holds it, sealed, in base64. */
  readonly systemPrompt: string | null;
  readonly model: ModelSettings;
  /** The newest messages up to this answer, where they are at hand, so that most prompts need no statement; never rejects. */
  readonly recent: Promise<readonly MessageRow[] | null>;
}

/** What of a message the model may be shown; the estimate null where it is made again of the text. */
type PromptRow = Omit<AncestorRow, 'token_estimate'> & { readonly token_estimate: number | null };

const pageSize = 100;

export interface PromptDeps {
  readonly querier: Querier;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/** The prompt for an answer. While PostgreSQL is away it is tried again; rejects where `signal` is aborted before. */
export async function readPrompt(
  deps: PromptDeps,
  source: PromptSource,
  signal: AbortSignal,
): Promise<readonly PromptMessage[]> {
  const prompt = await untilAvailable(() => readPromptOnce(deps, source, signal), deps.clock, signal);
  if (!prompt) throw unavailable();
  return prompt;
}

async function readPromptOnce(
  deps: PromptDeps,
  source: PromptSource,
  signal: AbortSignal,
): Promise<readonly PromptMessage[]> {
  const { ownerId, position, model } = source;
  const keys = await deps.keyring.of(ownerId);
  const window = new ContextWindow(openSystemPrompt(keys, source), promptBudgetTokens(model));
  let isQuestion = true;
  const isFull = (rows: readonly PromptRow[]) =>
    rows.some((row) => {
      const content = isQuestion ? openContent(keys, row) : openUndamaged(keys, row);
      isQuestion = false;
      return !window.add({ role: row.role, content, tokenEstimate: row.token_estimate ?? estimateTokens(content) });
    });
  const recent = (await source.recent) ?? [];
  if (isFull(promptRows(recent, position)) || recent[0]?.depth === 1) return window.messages();
  for (let before = recent[0]?.position ?? position; ; ) {
    const rows = newestFirst(await findAncestors(deps.querier, source, before, pageSize));
    // Of an answer that was stopped nobody waits for the rest.
    if (isFull(rows) || rows.length < pageSize || signal.aborted) return window.messages();
    before = rows.at(-1)?.position ?? 0;
  }
}

const newestFirst = <Row extends { readonly position: number }>(rows: readonly Row[]): Row[] =>
  rows.toSorted((one, other) => other.position - one.position);

/** What of the recent messages the model is shown. */
const promptRows = (recent: readonly MessageRow[], position: number): PromptRow[] =>
  newestFirst(recent).flatMap(({ content, ...row }) =>
    row.position < position && row.role !== 'TOOL' && content !== null
      ? [{ ...row, content, token_estimate: null }]
      : [],
  );

const openContent = (keys: OwnerKeys, row: PromptRow) =>
  keys.open(messagePlace(row.id, 'content'), Buffer.from(row.content, 'base64'));

/** A damaged message is passed over, as the page around it stands: one row must not silence a conversation for good. */
function openUndamaged(keys: OwnerKeys, row: PromptRow): string {
  try {
    return openContent(keys, row);
  } catch {
    return '';
  }
}

/** A damaged one ends the answer: what the application demands is not to be left out unnoticed. */
function openSystemPrompt(keys: OwnerKeys, { conversationId, systemPrompt }: PromptSource): string | null {
  if (systemPrompt === null) return null;
  return keys.open(conversationPlace(conversationId, 'system_prompt'), Buffer.from(systemPrompt, 'base64'));
}
