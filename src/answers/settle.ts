import { lockConversation, lockConversationIfFree } from '../messages/conversation-lock.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import { messageTerms } from '../messages/message-terms.js';
import { type AnswerText, joinUndamaged, messagePlace } from '../messages/message-texts.js';
import type { Transaction } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import { estimateTokens } from '../platform/estimate-tokens.js';
import { type EndedRun, type Estimate, estimateUnreported, nothingEstimated } from '../usage/reservation.js';
import { type FinalState, findChunks, finish, type RunKey, takeRun } from './answer.repository.js';

/** Why an answer ended, in words that a person may read. */
export interface AnswerFault {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** How an answer ended. */
export interface Ending {
  readonly status: FinalState['status'];
  readonly finishReason: string | null;
  readonly fault: AnswerFault | null;
}

/** What is known of an answer besides its text; null where it is unknown. */
export interface Measures {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly costMicroUsd: number | null;
  readonly firstTokenMs: number | null;
  readonly latencyMs: number | null;
}

export const cancelled: Ending = { status: 'CANCELLED', finishReason: null, fault: null };

export const interrupted = (code: string, message: string): Ending => ({
  status: 'INTERRUPTED',
  finishReason: null,
  fault: { code, message, retryable: true },
});

export const instanceLost = interrupted('INSTANCE_LOST', 'The answer was interrupted; ask again to get a new one.');

const unknownMeasures: Measures = {
  promptTokens: null,
  completionTokens: null,
  costMicroUsd: null,
  firstTokenMs: null,
  latencyMs: null,
};

export interface Settlement {
  readonly run: RunKey;
  readonly keys: OwnerKeys;
  readonly ending: Ending;
  /** The whole text, as the writer has it; null for the text that is durable. */
  readonly text: AnswerText | null;
  readonly measures?: Measures;
  /** What the prompt came to, by estimate, as the writer knows it; what was reserved for it where it is not given. */
  readonly promptEstimate?: number;
  /** Only where the run's lease has run out and nobody renewed it since, and nobody holds the conversation. */
  readonly onlyLost?: boolean;
}

/**
 * Makes an answer final, in the caller's transaction: locks the conversation, ends the run, and only then reads and
 * writes. Null where the run is not there any more, since somebody else settled it, or nobody may write: nothing was
 * changed.
 */
export async function settle(tx: Transaction, settlement: Settlement): Promise<MessageRow | null> {
  const { run, onlyLost } = settlement;
  const lock = onlyLost ? lockConversationIfFree : lockConversation;
  const conversation = await lock(tx, run.ownerId, run.conversationId);
  return conversation ? await settleLocked(tx, settlement) : null;
}

/** The same where the caller holds the conversation's lock already. */
export async function settleLocked(tx: Transaction, settlement: Settlement): Promise<MessageRow | null> {
  const { run, keys, ending, measures = unknownMeasures } = settlement;
  const ended = await takeRun(tx, run, settlement.onlyLost ?? false);
  if (!ended) return null;
  const text = settlement.text ?? joinUndamaged(keys, run.messageId, await findChunks(tx, run.ownerId, run.messageId));
  const sealed = (column: 'content' | 'reasoning', clear: string) =>
    clear === '' ? null : keys.seal(messagePlace(run.messageId, column), clear);
  return await finish(tx, run, {
    status: ending.status,
    sealedContent: sealed('content', text.content),
    sealedReasoning: sealed('reasoning', text.reasoning),
    terms: await messageTerms(keys, 'ASSISTANT', text.content),
    tokenEstimate: estimateTokens(text.content),
    finishReason: ending.finishReason,
    errorCode: ending.fault?.code ?? null,
    errorMessage: ending.fault?.message ?? null,
    errorRetryable: ending.fault?.retryable ?? null,
    ...measures,
    department: ended.department,
    estimate: estimateOf(ended, settlement, text),
  });
}

/** A model that failed before its first word is taken to have charged nothing. */
function estimateOf(ended: EndedRun, settlement: Settlement, text: AnswerText): Estimate {
  const { ending, measures = unknownMeasures, promptEstimate: promptTokens = ended.promptTokens } = settlement;
  const completionTokens = estimateTokens(text.content) + estimateTokens(text.reasoning);
  if (ending.status === 'FAILED' && completionTokens === 0) return nothingEstimated;
  return estimateUnreported(ended, measures, { promptTokens, completionTokens });
}
