import type { NewMessage } from '../messages/append.js';
import type { LockedConversation } from '../messages/conversation-lock.repository.js';
import { estimateTokens } from '../platform/estimate-tokens.js';
import type { Reservation } from '../usage/reservation.js';
import { answerTokens, greatestCostMicroUsd, type ModelSettings, promptBudgetTokens } from './model/model-catalogue.js';

/**
 * What an answer may use: of the prompt, all that was said in the conversation, on whatever branch, as far as the model
 * is shown it; of the answer, as many tokens as it may have.
 */
export function reserve(
  model: ModelSettings,
  conversation: Pick<LockedConversation, 'token_estimate' | 'system_prompt'>,
  messages: readonly Pick<NewMessage, 'content'>[],
): Reservation {
  const added = messages.reduce((sum, { content }) => sum + estimateTokens(content), 0);
  const said = conversation.token_estimate + added + sealedTokens(conversation.system_prompt);
  // The question is shown even where it does not fit.
  const promptTokens = Math.max(Math.min(said, promptBudgetTokens(model)), added);
  const completionTokens = answerTokens(model);
  return {
    promptTokens,
    completionTokens,
    promptMicroUsd: priceOf(promptTokens, model.inputMicroUsdPerMTok),
    completionMicroUsd: priceOf(completionTokens, model.outputMicroUsdPerMTok),
  };
}

/** A sealed text, in base64, has a few bytes more than what it holds; at three bytes a token. */
const sealedTokens = (sealed: string | null) => Math.ceil(((sealed?.length ?? 0) * 3) / 4 / 3);

/** No more than any answer can be said to cost. */
const priceOf = (tokens: number, microUsdPerMTok: number | null) =>
  Math.min(Math.ceil((tokens * (microUsdPerMTok ?? 0)) / 1_000_000), greatestCostMicroUsd);
