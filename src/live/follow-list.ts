import { startOfAnswer } from '../answers/live-text.js';
import type { FoundConversation } from '../conversations/conversation.repository.js';
import type { ConversationRow } from '../conversations/conversation-row.js';
import type { Scope } from '../identity/scope.js';
import type { Clock } from '../platform/clock.js';
import { untilAvailable } from '../platform/until-available.js';
import type { ChangeWatch } from './change-watch.js';
import type { ConversationLiveEvent } from './follow-conversation.js';
import { allOf, type SyncState } from './sync-cursor.js';

/** What a follower of the list is told. */
export type ListLiveEvent =
  | { readonly type: 'ready'; readonly atMs: number }
  | Extract<ConversationLiveEvent, { type: 'changed' | 'deleted' }>;

export interface ListFollowing {
  readonly scope: Scope;
  readonly watch: ChangeWatch;
  /** Of those too that are gone, as long as their rows stand. */
  readonly readHeaders: (ids: readonly string[]) => Promise<readonly FoundConversation[]>;
  readonly clock: Clock;
}

/** One follower of a person's list: first that it is ready, then each conversation that appears, changes or goes. */
export async function* followList(
  { scope: first, watch, readHeaders, clock }: ListFollowing,
  signal: AbortSignal,
): AsyncGenerator<ListLiveEvent, void, undefined> {
  /** The revisions that were told, of conversations with branches. */
  const told = new Map<string, number>();
  let scope = first;
  // Opened here and not before: one that is never asked for an event would never close it.
  const watched = watch.openList(first.viewer.id);
  try {
    await watched.ready;
    await untilAvailable(() => watch.lookAt(watched), clock, signal);
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
      const found = new Map(headers.map((header) => [header.id, header]));
      for (const id of ids) watched.tell(id, revisionOf(found.get(id)));
      for (const id of ids) {
        const row = found.get(id);
        const neverListed = row ? row.expires_at !== null : watched.isOverlooked(id);
        if (neverListed) continue;
        const state = allOf(row?.revision ?? 0, runningFrom(row));
        scope = await scope.forNextEvent();
        if (!row || row.gone) yield { type: 'deleted', conversationId: id, scope, state };
        else {
          // What its client had read before is not known: any change of branch may be news to it.
          const branchChanged = row.branch_revision > (told.get(id) ?? 0);
          if (row.branch_revision > 0) told.set(id, row.revision);
          yield { type: 'changed', row, branchChanged, scope, state };
        }
      }
    }
  } finally {
    watched.close();
  }
}

/** What the list has of it; a temporary one is in none. */
const revisionOf = (row: FoundConversation | undefined) =>
  row && !row.gone && row.expires_at === null ? row.revision : null;

/** From its first character: whoever has all of a revision may have any part of the answer that ran then. */
const runningFrom = (row: ConversationRow | undefined): SyncState['running'] =>
  row?.active_answer_id ? { messageId: row.active_answer_id, offsets: startOfAnswer } : null;
