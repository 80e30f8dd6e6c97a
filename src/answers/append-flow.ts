import { insertConversation } from '../conversations/conversation.repository.js';
import type { SealedConversation } from '../conversations/conversation-input.js';
import { type RequestClaim, readRequest } from '../conversations/request.repository.js';
import { conflict, notFound, rateLimited, unauthenticated, unavailable } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import type { Quotas } from '../limits.js';
import { type Append, appendMessages } from '../messages/append.js';
import { type AppendPlace, type NewRun, readSurroundings, type Surroundings } from '../messages/append.repository.js';
import {
  claim,
  claimAndLock,
  type LockedConversation,
  lockConversation,
} from '../messages/conversation-lock.repository.js';
import { findMessages } from '../messages/message.repository.js';
import type { MessageRow } from '../messages/message-row.js';
import type { RecentMessages } from '../messages/recent-messages.js';
import type { Clock } from '../platform/clock.js';
import { type Database, isSilent, type Transaction } from '../platform/database.js';
import { sortedJson } from '../platform/sorted-json.js';
import type { Turns } from '../platform/turns.js';
import { anyQuota, checkQuotas, type QuotaStanding } from '../usage/quota.js';
import type { Reservation } from '../usage/reservation.js';
import type { WhenBusyValue } from './answer-input.types.js';
import type { Cancelling } from './cancelling.js';
import type { ModelSettings } from './model/model-catalogue.js';
import { reserve } from './reserve.js';
import { cancelled, settleLocked } from './settle.js';

/** What one append wants, whichever mutation asks for it. */
export interface AppendWish {
  readonly scope: Scope;
  readonly claim: RequestClaim;
  readonly conversationId: string;
  /** Where the conversation is to be made first. */
  readonly create: SealedConversation | null;
  readonly place: AppendPlace;
  /** The field of the input that named the place. */
  readonly placeField: string;
  readonly whenBusy: WhenBusyValue;
  /** Is an answer to be written? Then it must be one of those that the owner may have at a time, and fit their quotas. */
  readonly beginsAnswer: boolean;
  /** What to append to the conversation as it was found. It runs again where the transaction does. */
  readonly plan: (conversation: LockedConversation) => AppendPlan;
}

export interface AppendPlan extends Pick<Append, 'messages'> {
  /** The answer among the messages that is to be written, and by which model; null where none is. */
  readonly run: (Omit<NewRun, 'reserved'> & { readonly model: ModelSettings }) | null;
}

export type AppendOutcome =
  | {
      readonly replayed: false;
      readonly conversation: LockedConversation;
      readonly rows: readonly MessageRow[];
      /** The newest messages, these among them, where they are at hand; never rejects. */
      readonly recent: Promise<readonly MessageRow[] | null>;
    }
  /** The key was used before, for the same: nothing was done. */
  | { readonly replayed: true; readonly made: RequestClaim['made'] };

/** What the transaction did. */
type Attempted =
  | Extract<AppendOutcome, { replayed: true }>
  | Omit<Extract<AppendOutcome, { replayed: false }>, 'recent'>;

export interface AppendFlowDeps {
  readonly database: Database;
  readonly recent: RecentMessages;
  readonly cancelling: Cancelling;
  readonly clock: Clock;
  /** Appends that would wait for each other's locks wait here, where they hold no connection. */
  readonly turns: Turns;
  readonly alternativesLimit: number;
  /** How many answers a person may have written at a time; null for any number. */
  readonly answersAtATime: number | null;
  readonly quotas: Quotas;
}

/** So that one is on its way to the database while another is on its way back. */
const lineWidth = 2;
/** How long an append with whenBusy CANCEL tries to come between answers, in all. */
const patienceMs = 10_000;

/** An answer is being written: the transaction is rolled back, and what was asked for is done outside of it. */
class Busy extends Error {
  constructor(readonly answerId: string) {
    super('An answer is being written.');
  }
}

/**
 * The path that every append takes: one transaction that claims the key, locks owner and conversation, looks what
 * stands there and writes. Where an answer is being written and shall be cancelled, that happens without a transaction
 * first; only an answer whose writer does not react in time is settled inside, with its durable text.
 */
export async function append(deps: AppendFlowDeps, wish: AppendWish): Promise<AppendOutcome> {
  const deadlineMs = deps.clock.monotonic() + patienceMs;
  const line = lineOf(deps, wish);
  if (line === null) return await appendNow(deps, wish, deadlineMs);
  const late = wish.whenBusy === 'CANCEL' ? answerInProgress : unavailable;
  return await deps.turns.take({ line, width: lineWidth, waitMs: patienceMs, late, endsLine: isSilent }, () =>
    appendNow(deps, wish, deadlineMs),
  );
}

/**
 * Named after the row that it would be waited for: the owner's where answers are counted, or the conversation's. Whoever
 * cancels keeps its turn meanwhile, since those behind it would only find the same answer; whoever would be refused does
 * not wait for that.
 */
function lineOf(deps: AppendFlowDeps, wish: AppendWish): string | null {
  const { claim, create, conversationId, whenBusy } = wish;
  const { ownerId } = claim;
  if (countsAnswers(deps, wish)) return `${ownerId}/${whenBusy}`;
  return create ? null : `${ownerId}/${conversationId}/${whenBusy}`;
}

/** Whoever counts what the owner has running does so alone: two at once would both find room for one more. */
const countsAnswers = ({ answersAtATime, quotas }: AppendFlowDeps, { beginsAnswer }: AppendWish) =>
  beginsAnswer && (answersAtATime !== null || anyQuota(quotas));

async function appendNow(deps: AppendFlowDeps, wish: AppendWish, deadlineMs: number): Promise<AppendOutcome> {
  const unheeded = new Set<string>();
  for (;;) {
    const settled: string[] = [];
    try {
      const outcome = await deps.database.transactionOnce((tx) => attempt(deps, tx, wish, { unheeded, settled }));
      for (const answerId of settled) deps.cancelling.settledElsewhere(answerId);
      return outcome.replayed ? outcome : { ...outcome, recent: deps.recent.appended(wish.claim.ownerId, outcome) };
    } catch (error) {
      if (!(error instanceof Busy)) throw error;
      if (wish.whenBusy === 'REJECT' || deps.clock.monotonic() >= deadlineMs) throw answerInProgress();
      const heeded = await deps.cancelling.cancelAndWait(wish.scope.viewer.id, error.answerId);
      if (!heeded) unheeded.add(error.answerId);
    }
  }
}

const answerInProgress = () =>
  conflict('ANSWER_IN_PROGRESS', 'An answer is being written here; wait for it, or send whenBusy: CANCEL.');

/** Answers whose writers did not react in time, and those of them that were settled on the way. */
interface Cancels {
  readonly unheeded: ReadonlySet<string>;
  readonly settled: string[];
}

async function attempt(deps: AppendFlowDeps, tx: Transaction, wish: AppendWish, cancels: Cancels): Promise<Attempted> {
  const asking: Asking = {
    wish,
    countsAnswers: countsAnswers(deps, wish),
    withQuotas: wish.beginsAnswer && anyQuota(deps.quotas),
  };
  const found = wish.create ? await create(tx, asking, wish.create) : await lock(tx, asking, cancels);
  if (!found) return await replay(tx, wish);
  const { conversation, surroundings } = found;
  if (wish.beginsAnswer) checkAnswersRunning(deps, found);
  const { messages, run } = wish.plan(conversation);
  const rows = await appendMessages(tx, {
    keys: wish.scope.keys,
    ...{ conversation, surroundings, messages },
    place: wish.place,
    alternatives: { limit: deps.alternativesLimit, field: wish.placeField },
    run: run && { ...run, reserved: reserveWithin(deps.quotas, found, run.model, messages) },
    usage: { department: wish.scope.viewer.department },
  });
  return { replayed: false, conversation, rows };
}

/** A wish, and what is to be found out before it is granted. */
interface Asking {
  readonly wish: AppendWish;
  readonly countsAnswers: boolean;
  readonly withQuotas: boolean;
}

interface Found {
  readonly conversation: LockedConversation;
  readonly surroundings: Surroundings | null;
  readonly answersRunning: number;
  readonly quotaStanding: QuotaStanding | null;
}

function checkAnswersRunning({ answersAtATime: most }: AppendFlowDeps, { answersRunning }: Found): void {
  if (most !== null && answersRunning >= most) throw rateLimited(`answers at a time (${most})`, 1000);
}

/** @throws RATE_LIMITED where the answer might not fit into the owner's quotas */
function reserveWithin(
  quotas: Quotas,
  { conversation, quotaStanding }: Found,
  model: ModelSettings,
  messages: AppendPlan['messages'],
): Reservation {
  const reserved = reserve(model, conversation, messages);
  if (quotaStanding) checkQuotas(quotas, quotaStanding, reserved);
  return reserved;
}

async function create(
  tx: Transaction,
  { wish, countsAnswers, withQuotas }: Asking,
  sealed: SealedConversation,
): Promise<Found | null> {
  if (!(await claim(tx, { claim: wish.claim, countsAnswers }))) return null;
  const row = await insertConversation(tx, wish.claim.ownerId, wish.conversationId, sealed, withQuotas);
  const conversation: LockedConversation = {
    id: row.id,
    revision: row.revision,
    last_position: 0,
    leaf_id: null,
    leaf_position: 0,
    leaf_segment: 0,
    message_count: 0,
    model: row.model,
    system_prompt: row.system_prompt,
    expires_in_ms: row.expires_at === null ? null : Date.parse(row.expires_at) - Date.parse(row.created_at),
    has_title: row.title !== null,
    has_automatic_title: false,
    token_estimate: 0,
  };
  const { answers_running: answersRunning, quota_standing: quotaStanding } = row;
  return { conversation, surroundings: null, answersRunning, quotaStanding };
}

async function lock(tx: Transaction, asking: Asking, cancels: Cancels): Promise<Found | null> {
  const { wish, countsAnswers } = asking;
  const { ownerId } = wish.claim;
  const locked = await claimAndLock(tx, { claim: wish.claim, countsAnswers }, wish.conversationId);
  if (!locked) return null;
  const found = await lookAround(tx, asking, locked);
  const { running_id: runningId, run_id: runId } = found.surroundings;
  if (runningId === null || runId === null) return found;
  if (!cancels.unheeded.has(runningId)) throw new Busy(runningId);
  const run = { ownerId, conversationId: wish.conversationId, messageId: runningId, runId };
  await settleLocked(tx, { run, keys: wish.scope.keys, ending: cancelled, text: null });
  cancels.settled.push(runningId);
  // Settling took a revision of its own, and gave back what the answer had reserved.
  const conversation = await lockConversation(tx, ownerId, wish.conversationId);
  if (!conversation) throw notFound('conversation');
  return await lookAround(tx, asking, conversation);
}

async function lookAround(tx: Transaction, { wish, withQuotas }: Asking, conversation: LockedConversation) {
  const { claim, conversationId, place } = wish;
  const surroundings = await readSurroundings(tx, claim.ownerId, conversationId, place, withQuotas);
  const { answers_running: answersRunning, quota_standing: quotaStanding } = surroundings;
  return { conversation, surroundings, answersRunning, quotaStanding };
}

/** Nothing was claimed and locked: the key was used before, or there is no such conversation, or no such person. */
async function replay(tx: Transaction, wish: AppendWish): Promise<Attempted> {
  const made = await readRequest(tx, wish.claim);
  // PostgreSQL gives a jsonb object's fields back in an order of its own.
  if (sortedJson(made) !== sortedJson(wish.claim.made)) return { replayed: true, made };
  const ids = Object.entries(made).flatMap(([name, id]) => (name === 'conversation' ? [] : [id]));
  const rows = await findMessages(tx, wish.claim.ownerId, ids);
  if (rows.length < ids.length) throw wish.create ? unauthenticated() : notFound('conversation');
  // A first run of this very transaction did commit, though nobody was told.
  const conversation = await lockConversation(tx, wish.claim.ownerId, wish.conversationId);
  if (!conversation) throw notFound('conversation');
  return { replayed: false, conversation, rows: rows.sort((one, other) => one.position - other.position) };
}
