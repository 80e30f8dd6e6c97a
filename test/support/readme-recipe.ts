import { readmeBlocks } from './readme-blocks.js';

export interface ShownMessage {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
  readonly reasoning: string | null;
  readonly rating: string | null;
  readonly parent: { readonly id: string } | null;
}

export interface ShownHeader {
  readonly id: string;
  readonly title: string;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly messageCount: number;
  readonly lastMessage: { readonly id: string } | null;
}

/** What a client shows of one conversation, and where it goes on. */
export interface Screen {
  conversation: ShownHeader | null;
  readonly messages: Map<string, ShownMessage>;
  cursor: string | null;
}

export type ScreenEvent =
  | {
      readonly __typename: 'AnswerDelta';
      readonly messageId: string;
      readonly offset: number;
      readonly text: string;
      readonly reasoningOffset: number | null;
      readonly reasoning: string | null;
      readonly cursor: string;
    }
  | {
      readonly __typename: 'AnswerFinished' | 'MessageChanged';
      readonly message: ShownMessage;
      readonly cursor: string;
    }
  | {
      readonly __typename: 'ConversationChanged';
      readonly conversation: ShownHeader;
      readonly branchChanged: boolean;
      readonly cursor: string;
    }
  | { readonly __typename: 'ConversationDeleted'; readonly conversationId: string; readonly cursor?: undefined };

/** How a client follows a conversation: what README.md tells it to do, and nothing else. */
export interface Recipe {
  readonly follow: string;
  readonly fragments: string;
  apply(screen: Screen, event: ScreenEvent): 'pages' | string | null;
  branchOf(screen: Screen): ShownMessage[];
}

/** The block of README.md itself. */
export async function loadRecipe(): Promise<Recipe> {
  const block = (await readmeBlocks('js')).find((text) => text.includes('export function apply('));
  if (!block) throw new Error('README.md has no recipe for following a conversation.');
  return await import(`data:text/javascript;base64,${Buffer.from(block).toString('base64')}`);
}
