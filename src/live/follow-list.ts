import type { FoundConversation } from '../conversations/conversation.repository.js';
import { ParleyError } from '../errors.js';
import type { Scope } from '../identity/scope.js';
import { type Clock, pause } from '../platform/clock.js';
import type { ConversationLiveEvent } from './follow-conversation.js';
import { whole } from './sync-cursor.js';
import type { Watched } from './watched.js';

/** What a follower of the list is told. */
export type ListLiveEvent =
  | { readonly type: 'ready'; readonly atMs: number }
  | Extract<ConversationLiveEvent, { type: 'changed' | 'deleted' }>;

export interface ListFollowing {
  readonly scope: Scope;
  readonly watched: Watched;
  /** Of those too that are gone, as long as their rows stand. */
  readonly readHeaders: (ids: readonly string[]) => Promise<readonly FoundConversation[]>;
  readonly clock: Clock;
}

const retryMs = 1000;

/** One follower of a person's list: first that it is ready, then each conversation that appears, changes or goes. */
export async function* followList(
  { scope: first, watched, readHeaders, clock }: ListFollowing,
  signal: AbortSignal,
): AsyncGenerator<ListLiveEvent, void, undefined> {
  const branches = new Map<string, number>();
  let scope = first;
  try {
    await watched.ready;
    yield { type: 'ready', atMs: clock.now() };
    for (;;) {
      await watched.changed(signal);
      if (signal.aborted) return;
      const ids = watched.take();
      // Too much changed to say each: the list is to be read again.
      if (ids === null) {
        yield { type: 'ready', atMs: clock.now() };
        continue;
      }
      const headers = await readUntilAnswered(() => readHeaders(ids), clock, signal);
      if (!headers) return;
      scope = await scope.forNextEvent();
      const found = new Map(headers.map((header) => [header.id, header]));
      for (const id of ids) {
        const row = found.get(id);
        const neverListed = row ? row.expires_at !== null : watched.isOverlooked(id);
        if (neverListed) continue;
        const state = { seen: whole(row?.revision ?? 0), running: null };
        if (!row || row.gone) yield { type: 'deleted', conversationId: id, scope, state };
        else {
          const branchChanged = (branches.get(id) ?? row.branch_revision) !== row.branch_revision;
          branches.set(id, row.branch_revision);
          yield { type: 'changed', row, branchChanged, scope, state };
        }
      }
    }
  } finally {
    watched.close();
  }
}

async function readUntilAnswered<T>(read: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T | null> {
  while (!signal.aborted) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ParleyError && error.code === 'UNAVAILABLE')) throw error;
    }
    await pause(clock, retryMs, signal);
  }
  return null;
}
