import { startOfAnswer } from '../answers/live-text.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import type { Scope } from '../identity/scope.js';
import type { Clock } from '../platform/clock.js';
import type { ConversationLiveEvent } from './follow-conversation.js';
import { allOf, type SyncState } from './sync-cursor.js';
import { untilAvailable } from './until-available.js';
import type { Watched } from './watched.js';

/** What a follower of the list is told. */
export type ListLiveEvent =
  | { readonly type: 'ready'; readonly atMs: number }
  | Extract<ConversationLiveEvent, { type: 'changed' | 'deleted' }>;

export interface ListFollowing {
  readonly scope: Scope;
  readonly watch: () => Watched;
  readonly readHeaders: (ids: readonly string[]) => Promise<readonly ConversationRow[]>;
  readonly clock: Clock;
}

/** One follower of a person's list: first that it is ready, then each conversation that appears, changes or goes. */
export async function* followList(
  { scope: first, watch, readHeaders, clock }: ListFollowing,
  signal: AbortSignal,
): AsyncGenerator<ListLiveEvent, void, undefined> {
  const branches = new Map<string, number>();
  let scope = first;
  // Opened here and not before: one that is never asked for an event would never close it.
  const watched = watch();
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
      const headers = await untilAvailable(() => readHeaders(ids), clock, signal);
      if (!headers) return;
      scope = await scope.forNextEvent();
      const found = new Map(headers.map((header) => [header.id, header]));
      for (const id of ids) {
        const row = found.get(id);
        const state = allOf(row?.revision ?? 0, runningFrom(row));
        if (!row) yield { type: 'deleted', conversationId: id, scope, state };
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

/** From its first character: whoever has all of a revision may have any part of the answer that ran then. */
const runningFrom = (row: ConversationRow | undefined): SyncState['running'] =>
  row?.active_answer_id ? { messageId: row.active_answer_id, offsets: startOfAnswer } : null;
