import { writeFile } from 'node:fs/promises';

/** What a run of the suite knows: everything that was tried, done, broken and found, in the order in which it happened. */
export type InstanceName = 'a' | 'b';

export type OperationKind =
  | 'createConversation'
  | 'sendMessage'
  | 'editMessage'
  | 'regenerateAnswer'
  | 'appendMessages'
  | 'cancelAnswer'
  | 'updateConversation'
  | 'rateMessage'
  | 'selectBranch'
  | 'eraseMessage'
  | 'deleteConversations'
  | 'readPage'
  | 'readList';

/** One attempt, logged before it is made. */
export interface Begun {
  readonly type: 'begin';
  readonly op: number;
  readonly kind: OperationKind;
  readonly person: string;
  readonly instance: InstanceName;
  /** The client's own key; attempts with the same one are one wish. */
  readonly key: string | null;
  /** Null where the operation makes one. */
  readonly conversation: string | null;
  readonly message: string | null;
  /** What it writes: the question, the appended texts, a title, a rating; the key of the call that answers anew. */
  readonly wrote: readonly string[];
}

/** What an acknowledged attempt said. */
export interface Result {
  readonly conversation?: string;
  /** Question and answer, or the answer alone; the appended ones; those of a page, in its order. */
  readonly messages?: readonly string[];
  /** Conversations: those that were deleted, those of the list. */
  readonly conversations?: readonly string[];
  /** Of the answer that was cancelled. */
  readonly status?: string;
  /** The texts that were read, by their names. */
  readonly says?: readonly string[];
}

export type OutcomeKind = 'ok' | 'refused' | 'unknown';

/** The same attempt, logged when it ended; one without an end has an unknown outcome. */
export interface Ended {
  readonly type: 'end';
  readonly op: number;
  readonly outcome: OutcomeKind;
  /** Of the catalogue where it was refused; what failed where it is unknown. */
  readonly code?: string;
  readonly reason?: string;
  readonly retryable?: boolean;
  readonly result?: Result;
}

export interface FaultEvent {
  readonly type: 'fault';
  readonly fault: string;
  readonly phase: 'begin' | 'end';
  readonly instance: InstanceName | null;
  /** Calls of the model that were answered with 200 and still open. */
  readonly answersRunning: number;
}

/** A call of the model. */
export interface ModelCalled {
  readonly type: 'model';
  /** Of the question, and beside it the model's name where it is answered anew. */
  readonly key: string;
  readonly status: number;
  /** All that it has to say; it may break off before. */
  readonly content: string;
  readonly reasoning: string;
  /** Does it say why it finishes? */
  readonly finishes: boolean;
  /** Code units that it says in 500 ms. */
  readonly halfSecond: number;
  /** The texts that it was shown, by their names. */
  readonly shown: readonly string[];
}

/** A call that was answered with 200 is over: all is said, it broke off, or nobody listens any more. */
export interface ModelEnded {
  readonly type: 'modelEnded';
  readonly key: string;
}

export interface Text {
  readonly content: string;
  readonly reasoning: string;
}

/** What one follower of an answer was told, over all its connections. */
export interface Heard {
  readonly type: 'heard';
  readonly person: string;
  readonly answer: string;
  /** Made of deltas alone. */
  readonly text: Text;
  /** The stored answer as AnswerFinished carried it. */
  readonly finished: (Text & { readonly status: string }) | null;
  readonly ended: 'finished' | 'deleted' | 'left' | 'never';
  /** What it was told against the protocol. */
  readonly broken: readonly string[];
  /** The codes of errors that ended its subscriptions, each with whether it said to be retryable. */
  readonly errors: readonly { readonly code: string; readonly retryable: boolean }[];
}

export interface SeenMessage {
  readonly id: string;
  readonly status: string;
  readonly content: string;
}

/** What somebody has on the screen at the end who followed a whole conversation. */
export interface DeviceShown {
  readonly type: 'device';
  readonly person: string;
  readonly conversation: string;
  readonly deleted: boolean;
  /** Of the visible branch, in its order. */
  readonly messages: readonly SeenMessage[];
  readonly broken: readonly string[];
  readonly errors: Heard['errors'];
}

/** A line of the list beside the chat. */
export interface ListedConversation {
  readonly id: string;
  readonly title: string;
  readonly preview: string | null;
  readonly messageCount: number;
  readonly updatedAt: string;
}

/** What somebody has beside the chat at the end who followed the list; null where it was never read. */
export interface ListShown {
  readonly type: 'list';
  readonly person: string;
  readonly conversations: readonly ListedConversation[] | null;
  readonly errors: Heard['errors'];
}

/** The list as an instance gives it at the end. */
export interface StoredList {
  readonly type: 'listed';
  readonly instance: InstanceName;
  readonly person: string;
  readonly conversations: readonly ListedConversation[];
}

/** A look at the leases while PostgreSQL answers. */
export interface LeaseLook {
  readonly type: 'lease';
  readonly runs: number;
  /** The one that ran out longest ago. */
  readonly answer: string | null;
  readonly expiredMs: number;
}

export interface StoredMessage extends SeenMessage {
  readonly role: string;
  readonly reasoning: string;
  readonly key: string | null;
  readonly parent: string | null;
  readonly rating: string | null;
  readonly error: string | null;
  readonly visible: boolean;
  readonly erased: boolean;
}

/** A conversation as an instance gives it at the end; messages null where there is none. */
export interface StoredConversation {
  readonly type: 'stored';
  readonly instance: InstanceName;
  readonly person: string;
  readonly conversation: string;
  readonly title: string | null;
  /** What it was made with. */
  readonly key: string | null;
  readonly messageCount: number | null;
  /** All of them, by position. */
  readonly messages: readonly StoredMessage[] | null;
  /** The ids of the visible branch, in its order. */
  readonly visible: readonly string[] | null;
}

/** The same as the database holds it. */
export interface StoredRows {
  readonly type: 'rows';
  readonly conversation: string;
  /** By position. */
  readonly rows: readonly {
    readonly id: string;
    readonly position: number;
    readonly status: string;
    readonly hasText: boolean;
  }[];
}

/** Something of which there must be no more at the end than there was at the beginning. */
export interface LeftOver {
  readonly type: 'left';
  readonly where: string;
  readonly what: string;
  readonly before: number;
  readonly after: number;
}

export type HistoryEvent =
  | Begun
  | Ended
  | FaultEvent
  | ModelCalled
  | ModelEnded
  | Heard
  | DeviceShown
  | ListShown
  | StoredList
  | LeaseLook
  | StoredConversation
  | StoredRows
  | LeftOver;

/** An event with its time, in milliseconds since the run began. */
export type Timed<Event extends HistoryEvent = HistoryEvent> = Event & { readonly atMs: number };

/** Events as they happen. */
export class History {
  readonly events: Timed[] = [];
  private readonly startedMs = performance.now();
  private operations = 0;

  get elapsedMs(): number {
    return Math.round(performance.now() - this.startedMs);
  }

  nextOperation(): number {
    this.operations += 1;
    return this.operations;
  }

  add(event: HistoryEvent): void {
    this.events.push({ atMs: this.elapsedMs, ...event });
  }

  /** One event a line. */
  async save(file: string): Promise<void> {
    await writeFile(file, this.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }
}
