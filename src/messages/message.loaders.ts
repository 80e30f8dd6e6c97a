import DataLoader from 'dataloader';
import type { Scope } from '../identity/scope.js';
import type { Querier } from '../platform/database.js';
import { makeWaves } from '../platform/waves.js';
import { type Fork, findMessages, findSiblings, type MessagePage } from './message.repository.js';
import { Message } from './message.types.js';
import type { LoadedPage } from './message-connection.types.js';
import type { MessageRow } from './message-row.js';
import type { AnswerText } from './message-texts.js';
import { lacksText, nameOfPage, type PageKey, readPages } from './page-reader.js';
import type { RecentMessages } from './recent-messages.js';

export interface MessageLoaders {
  /** By the id of the row; null for what is not there or not the viewer's. */
  readonly byId: DataLoader<string, Message | null>;
  /** Pages with the same bounds are read in one statement; null for a conversation that is not there. */
  readonly page: DataLoader<PageKey, LoadedPage | null, string>;
  /** The messages at one place of the tree, oldest first. */
  readonly siblings: DataLoader<Fork, readonly Message[], string>;
  /**
   * The one object that this scope has for a message. The row that was read first stays, so that one operation sees one
   * length of a running answer, wherever it reads it.
   * @param live the answer's text as a live event has it
   */
  keep(row: MessageRow, live?: AnswerText): Message;
  /** The oldest answer of a conversation that this scope has as running. */
  running(conversationId: string): Message | null;
}

/** Made once by the app; `scope.of` then makes the loaders once in each scope. */
export type MakeMessageLoaders = (scope: Scope) => MessageLoaders;

export const makeMessageLoaders =
  (querier: Querier, recent: RecentMessages): MakeMessageLoaders =>
  (scope) => {
    const { ownerId } = scope.keys;
    const kept = new Map<string, Message>();
    const keep = (row: MessageRow, live?: AnswerText): Message => {
      const known = kept.get(row.id);
      if (known) return known;
      const message = new Message(row, scope, live ?? null);
      kept.set(row.id, message);
      byId.prime(row.id, message);
      return message;
    };
    const running = (conversationId: string): Message | null => {
      const all = [...kept.values()].filter(
        ({ row }) => row.conversation_id === conversationId && row.status === 'STREAMING',
      );
      return all.sort((one, other) => one.row.position - other.row.position)[0] ?? null;
    };
    const waves = scope.of(makeWaves);
    const byId = new DataLoader<string, Message | null>((ids) =>
      waves.join(async () => {
        const rows = await findMessages(querier, ownerId, ids);
        const found = new Map(rows.map((row) => [row.id, keep(row)]));
        return ids.map((id) => found.get(id) ?? null);
      }),
    );
    const load = async ({ rows, ...flags }: MessagePage): Promise<LoadedPage | null> => {
      const found = await Promise.all(rows.map((row) => (lacksText(row) ? byId.load(row.id) : keep(row))));
      const messages = found.filter((message) => message !== null);
      // One of them is not there any more, and the conversation with it.
      return messages.length < rows.length ? null : { ...flags, messages };
    };
    const page = new DataLoader<PageKey, LoadedPage | null, string>(
      async (keys) => {
        const pages = await waves.join(() => readPages({ querier, recent, ownerId }, keys));
        return Promise.all(
          keys.map((key) => {
            const found = pages.get(nameOfPage(key));
            return found ? load(found) : null;
          }),
        );
      },
      { cacheKeyFn: nameOfPage },
    );
    const siblings = new DataLoader<Fork, readonly Message[], string>(
      (forks) =>
        waves.join(async () => {
          const found = new Map<string, Message[]>(forks.map((fork) => [nameOfFork(fork), []]));
          for (const row of await findSiblings(querier, ownerId, forks))
            found.get(nameOfFork(forkOf(row)))?.push(keep(row));
          return forks.map((fork) => found.get(nameOfFork(fork)) ?? []);
        }),
      { cacheKeyFn: nameOfFork },
    );
    return { byId, page, siblings, keep, running };
  };

/** Where a message and its alternatives stand. */
export const forkOf = (row: MessageRow): Fork => ({ conversationId: row.conversation_id, parentId: row.parent_id });
const nameOfFork = ({ conversationId, parentId }: Fork) => `${conversationId}/${parentId}`;
