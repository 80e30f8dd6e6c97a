import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Person } from '../../support/person.js';
import { until } from '../../support/until.js';

const subscription = `subscription { conversations {
  __typename
  ... on ConversationListReady { at }
  ... on ConversationChanged { conversation { id title pinned } branchChanged cursor }
  ... on ConversationDeleted { conversationId }
} }`;

export interface ListEvent {
  readonly __typename: string;
  readonly at?: string;
  readonly conversation?: { readonly id: string; readonly title: string; readonly pinned: boolean };
  readonly branchChanged?: boolean;
  readonly cursor?: string;
  readonly conversationId?: string;
}

/** A client that follows somebody's list. */
export class ListDevice {
  readonly events: ListEvent[] = [];
  readonly titles = new Map<string, string>();

  private constructor(private readonly client: Client) {}

  static follow({ url, token }: Person): ListDevice {
    const client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
    const device = new ListDevice(client);
    client.subscribe<{ conversations: ListEvent }>(
      { query: subscription },
      {
        next: ({ data }) => data && device.take(data.conversations),
        error: () => undefined,
        complete: () => undefined,
      },
    );
    return device;
  }

  get isReady(): boolean {
    return this.events.length > 0;
  }

  until(condition: () => boolean): Promise<unknown> {
    return until(`the list shows it (${JSON.stringify(this.events)})`, condition);
  }

  async leave(): Promise<void> {
    await this.client.dispose();
  }

  private take(event: ListEvent): void {
    this.events.push(event);
    if (event.conversation) this.titles.set(event.conversation.id, event.conversation.title);
    if (event.conversationId) this.titles.delete(event.conversationId);
  }
}
