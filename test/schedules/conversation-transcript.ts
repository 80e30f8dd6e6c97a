import type { Conversation } from '../../src/conversations/conversation.types.js';
import type { ConversationRow } from '../../src/conversations/conversation-row.js';
import type { ConversationLiveEvent } from '../../src/live/follow-conversation.js';
import { Message } from '../../src/messages/message.types.js';
import type { MessageRow, Status } from '../../src/messages/message-row.js';
import type { AnswerText } from '../../src/messages/message-texts.js';

/** A message as a client has it. */
export interface KnownMessage extends AnswerText {
  readonly status: Status;
}

/** What a client makes of what it reads and of what it is told of one conversation, as PROTOCOL.md says that it does. */
export class ConversationTranscript {
  readonly messages = new Map<string, KnownMessage>();
  readonly faults: string[] = [];
  /** Of its last event. */
  cursor: string | null = null;
  header: ConversationRow | null = null;
  /** Of the header from which on it wants to know everything. */
  since = 0;
  /** The branch that it has read, or was told to read. */
  branchRevision = 0;
  deleted = false;
  /** Nobody is there any more who could tell it. */
  left = false;
  /** It subscribed with an older cursor than its last: ends may come twice, or as changes. */
  wentBack = false;
  private readonly toldRunning = new Set<string>();
  private readonly ended = new Set<string>();

  /** It read the conversation, and these of its messages. */
  read({ row }: Conversation, messages: readonly Message[]): void {
    this.header = row;
    this.since = row.revision;
    this.branchRevision = row.branch_revision;
    for (const message of messages) this.keep(message);
  }

  take(event: ConversationLiveEvent): void {
    if (this.deleted) this.faults.push('an event came after the conversation was deleted');
    if (event.type === 'deleted') this.deleted = true;
    else if (event.type === 'changed') this.change(event.row, event.branchChanged);
    else if (event.type === 'delta') this.grow(event);
    else if (event.type === 'finished') this.finish(event.row, new Message(event.row, event.scope));
    else this.replace(event.row, new Message(event.row, event.scope, event.text));
  }

  private change(row: ConversationRow, branchChanged: boolean): void {
    if (!this.header) this.since = row.revision;
    if (!this.header || branchChanged) this.branchRevision = row.branch_revision;
    if (this.header && row.revision < this.header.revision && !this.wentBack) this.faults.push('a header went back');
    this.header = row;
  }

  private grow({ row, piece, textSoFar }: Extract<ConversationLiveEvent, { type: 'delta' }>): void {
    const known = this.messages.get(row.id) ?? { status: 'STREAMING', content: '', reasoning: '' };
    const { from } = piece;
    if (from.content > known.content.length || from.reasoning > known.reasoning.length)
      this.faults.push(`a delta of ${row.id} begins beyond what its client has`);
    const now = {
      content: known.content.slice(0, from.content) + piece.content,
      reasoning: known.reasoning.slice(0, from.reasoning) + piece.reasoning,
    };
    const whole = textSoFar();
    if (whole.content !== now.content || whole.reasoning !== now.reasoning)
      this.faults.push(`the whole text of ${row.id} is not what its deltas make`);
    this.messages.set(row.id, { ...known, ...now });
  }

  private finish(row: MessageRow, message: Message): void {
    if (this.ended.has(row.id) && !this.wentBack) this.faults.push(`the answer ${row.id} ended twice`);
    if (row.status === 'STREAMING') this.faults.push(`the answer ${row.id} ended while it runs`);
    this.ended.add(row.id);
    this.keep(message);
  }

  private replace(row: MessageRow, message: Message): void {
    const known = this.messages.get(row.id);
    if (row.status === 'STREAMING') this.toldRunning.add(row.id);
    else if (this.toldRunning.has(row.id) && !this.ended.has(row.id) && !this.wentBack)
      this.faults.push(`the answer ${row.id} that ran ended in a change`);
    if (known && known.status !== 'STREAMING' && row.status === 'STREAMING' && !this.wentBack)
      this.faults.push(`the answer ${row.id} runs again`);
    this.keep(message);
  }

  private keep(message: Message): void {
    const { status, content } = message;
    this.messages.set(message.row.id, { status, content, reasoning: message.reasoning ?? '' });
  }
}
