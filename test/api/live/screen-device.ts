import { outcomeOf } from '../../support/conversations.js';
import type { Person } from '../../support/person.js';
import type { Recipe, Screen, ScreenEvent, ShownHeader, ShownMessage } from '../../support/readme-recipe.js';
import { SocketClient } from '../../support/socket-client.js';

interface Payload {
  readonly data?: { readonly conversation: ScreenEvent } | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
}

/** A device that does what README.md says, over a socket of its own, in the order of what it is told. */
export class ScreenDevice {
  /** How often each kind of event came. */
  readonly counts = new Map<string, number>();
  /** Deltas that began beyond what was there. */
  gaps = 0;
  failure: Error | null = null;
  private screen: Screen = { conversation: null, messages: new Map(), cursor: null };
  /** Of the last read: what a library subscribes with again and again. */
  private firstCursor: string | null = null;
  private client: SocketClient | null = null;
  /** Events to come before it is cut. */
  private left = Number.POSITIVE_INFINITY;
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly recipe: Recipe,
    private readonly conversationId: string,
  ) {}

  get isConnected(): boolean {
    return this.client !== null;
  }

  get isGone(): boolean {
    return this.screen.conversation === null;
  }

  /** What it shows, as {@link readScreen} gives it. */
  get shown() {
    return { conversation: this.screen.conversation, messages: this.recipe.branchOf(this.screen) };
  }

  contentOf(messageId: string): string | undefined {
    return this.screen.messages.get(messageId)?.content;
  }

  /** Begins anew with what is there now. */
  async load(person: Person): Promise<void> {
    await this.disconnect('leave');
    const { conversation, messages, syncCursor } = await readScreen(person, this.recipe, this.conversationId);
    this.screen = { conversation, messages: new Map(messages.map((one) => [one.id, one])), cursor: syncCursor };
    this.firstCursor = syncCursor;
  }

  /** Subscribes after the cursor of the last event, or with the variables that it began with; is cut after so many. */
  async connect(person: Person, from: 'last' | 'first', cutAfter: number | null = null): Promise<void> {
    await this.disconnect('leave');
    const client = await SocketClient.connect(`${person.url.replace(/^http/, 'ws')}/graphql`, person.token);
    this.client = client;
    this.left = cutAfter ?? Number.POSITIVE_INFINITY;
    client.socket.on('message', (data) => this.hear(client, person, String(data)));
    const after = from === 'first' ? this.firstCursor : this.screen.cursor;
    client.subscribe('screen', this.recipe.follow + this.recipe.fragments, { id: this.conversationId, after });
  }

  /** It is not cut any more. */
  async stay(person: Person): Promise<void> {
    this.left = Number.POSITIVE_INFINITY;
    if (!this.isConnected) await this.connect(person, 'last');
  }

  async disconnect(how: 'leave' | 'cut'): Promise<void> {
    const { client } = this;
    // What has come and was not applied is lost with the connection.
    this.client = null;
    if (how === 'leave' && client) client.socket.close(1000);
    else client?.terminate();
    await this.work;
  }

  private hear(client: SocketClient, person: Person, data: string): void {
    const { type, payload }: { type: string; payload: Payload } = JSON.parse(data);
    this.work = this.work.then(async () => {
      if (this.client !== client || type !== 'next') return;
      await this.take(person, payload);
      this.left -= 1;
      if (this.left > 0) return;
      this.client = null;
      client.terminate();
    });
    this.work.catch((error: Error) => {
      this.failure ??= error;
    });
  }

  private async take(person: Person, { data, errors }: Payload): Promise<void> {
    if (errors?.[0]?.extensions.code === 'NOT_FOUND') this.screen.conversation = null;
    else if (!data) throw new Error(`An event without data: ${JSON.stringify(errors)}`);
    if (!data) return;
    const event = data.conversation;
    this.count(event.__typename);
    if (event.__typename === 'ConversationChanged' && event.branchChanged) this.count('branchChanged');
    const again = this.recipe.apply(this.screen, event);
    if (again === null) return;
    if (again !== 'pages') this.gaps += 1;
    const { messages } = await readScreen(person, this.recipe, this.conversationId);
    for (const message of messages) if (!this.hasMoreOf(message)) this.screen.messages.set(message.id, message);
  }

  /** As README.md says: of an answer that is being written, deltas bring more than a read does. */
  private hasMoreOf({ id, status, content }: ShownMessage): boolean {
    const known = this.screen.messages.get(id);
    return status === 'STREAMING' && known?.status === status && known.content.length >= content.length;
  }

  private count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

interface ScreenData {
  readonly conversation:
    | (ShownHeader & { readonly syncCursor: string; readonly messages: { readonly nodes: ShownMessage[] } })
    | null;
}

/** A fresh read of the same; all null and empty where it is gone. */
export async function readScreen(person: Person, { fragments }: Recipe, id: string) {
  const query = `query ($id: ID!) { conversation(id: $id) {
    ...Header syncCursor messages(last: 100) { nodes { ...Shown } } } } ${fragments}`;
  const { data, code } = outcomeOf<ScreenData>(await person.graphql(query, { id }));
  // Also deleted between two statements of this read.
  if (code !== undefined && code !== 'NOT_FOUND') throw new Error(`A read was refused: ${code}.`);
  const conversation = data?.conversation ?? null;
  if (!conversation) return { conversation: null, messages: [], syncCursor: null };
  const { messages, syncCursor, ...header } = conversation;
  return { conversation: header, messages: messages.nodes, syncCursor };
}
