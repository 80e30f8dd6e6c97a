import { conversationPlace } from '../conversations/conversation-row.js';
import { automaticTitle, titleTerms } from '../conversations/title.js';
import { unavailable } from '../errors.js';
import type { Keyring } from '../identity/keyring.js';
import type { MessageRow } from '../messages/message-row.js';
import { messagePlace } from '../messages/message-texts.js';
import type { Database } from '../platform/database.js';
import type { OwnerKeys } from '../platform/encryption.js';
import type { Log } from '../platform/log.js';
import type { Turns } from '../platform/turns.js';
import { beginningOf } from '../platform/unicode.js';
import type { RunKey } from './answer.repository.js';
import type { ModelProvider, PromptMessage } from './model/model.js';
import type { ModelSettings } from './model/model-catalogue.js';
import { findTitleSource, type TitleSource, writeTitle } from './title.repository.js';

export interface TitleWriterDeps {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly log: Log;
  readonly turns: Turns;
  readonly model: ModelSettings;
  readonly provider: ModelProvider;
  /** Told after the commit that a conversation changed. Must not throw. */
  readonly onChanged: (ownerId: string, conversationId: string) => void;
}

/** Titles may wait: they take no more of the model's server than this, and who waits too long goes without. */
const waiting = { line: 'titles', width: 2, waitMs: 60_000, late: unavailable };
/** Enough to tell what it is about, in code units of each of the two messages. */
const readCodeUnits = 2000;
/** A title, and what a model thinks before it. */
const answerTokens = 1024;
/** What a model says beyond that is no title. */
const longestCodeUnits = 500;

const instruction =
  'Name the conversation that follows, in the language in which it is held. Answer with the title alone: ' +
  'one line of two to six words, without quotation marks, without a full stop, without formatting.';

/** Has a model write a better title after the first answer. Without it, or where it fails, the first question's words stay. */
export class TitleWriter {
  private readonly closing = new AbortController();
  private readonly writing = new Set<Promise<void>>();

  constructor(private readonly deps: TitleWriterDeps) {}

  /** An answer is final. Returns at once. */
  answered(run: RunKey, final: MessageRow): void {
    if (final.status !== 'COMPLETE' || this.closing.signal.aborted) return;
    const work = this.deps.turns
      .take(waiting, () => this.write(run))
      .catch((error: unknown) => this.deps.log.info({ error }, 'a title was not written, the automatic one stays'))
      .finally(() => this.writing.delete(work));
    this.writing.add(work);
  }

  /** Stops the model; titles that are not written by then are left to the next answers. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.writing);
  }

  private async write({ ownerId, conversationId, messageId }: RunKey): Promise<void> {
    const { database, keyring, onChanged } = this.deps;
    if (this.closing.signal.aborted) return;
    const source = await findTitleSource(database, ownerId, conversationId, messageId);
    if (!source) return;
    const keys = await keyring.of(ownerId);
    const title = readTitle(await this.ask(promptOf(keys, source)));
    if (title === null || this.closing.signal.aborted) return;
    const written = await writeTitle(database, {
      ...{ ownerId, conversationId, answerId: messageId, terms: titleTerms(keys, title) },
      sealed: keys.seal(conversationPlace(conversationId, 'automatic_title'), title),
      instead: Buffer.from(source.automatic_title, 'base64'),
    });
    if (written) onChanged(ownerId, conversationId);
  }

  private async ask(messages: readonly PromptMessage[]): Promise<string> {
    const { provider, model } = this.deps;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.closing.signal, stop.signal]);
    const maxOutputTokens = Math.min(model.maxOutputTokens ?? answerTokens, answerTokens);
    let said = '';
    for await (const event of provider.answer({ model: model.id, messages, maxOutputTokens, signal })) {
      if (event.type === 'text') said += event.text;
      if (said.length > longestCodeUnits) stop.abort();
    }
    return said;
  }
}

function promptOf(keys: OwnerKeys, source: TitleSource): PromptMessage[] {
  const open = (id: string, sealed: string) =>
    beginningOf(keys.open(messagePlace(id, 'content'), Buffer.from(sealed, 'base64')), readCodeUnits);
  const said = `${open(source.question_id, source.question)}\n\n---\n\n${open(source.answer_id, source.answer)}`;
  return [
    { role: 'SYSTEM', content: instruction },
    { role: 'USER', content: said },
  ];
}

/** What some servers leave in the text of a model that thinks aloud. */
const thinking = /<think>.*?(?:<\/think>|$)/gs;
const dressing = /^[\s#*_"'`«»„“”‘’「」『』]+|[\s*_"'`«»„“”‘’「」『』.。]+$/g;

/** The title in what a model said: its first line, without what models put around it; null where there is none. */
export function readTitle(said: string): string | null {
  const line = said
    .slice(0, longestCodeUnits)
    .replaceAll('\0', '')
    .toWellFormed()
    .replace(thinking, '')
    .replaceAll('**', '')
    .split(/\r?\n/)
    .map((one) =>
      one
        .replace(dressing, '')
        .replace(/^(?:title|titel|titre|título)\s*[:：]\s*/i, '')
        .replace(dressing, ''),
    )
    .find((one) => one !== '');
  return line === undefined ? null : automaticTitle(line);
}
