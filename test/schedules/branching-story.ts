import { randomUUID } from 'node:crypto';
import type { Sent } from '../../src/answers/answer.service.js';
import { ParleyError } from '../../src/errors.js';
import type { ConversationLiveEvent } from '../../src/live/follow-conversation.js';
import { syncCursorAfter } from '../../src/live/live.types.js';
import { endOfBranch } from '../../src/messages/message.repository.js';
import { pause } from '../../src/platform/clock.js';
import { toPublicId } from '../../src/platform/ids.js';
import { SourceFailure } from '../../src/platform/pulled-source.js';
import type { Asked, ScriptedAnswer, StoredPlace } from './asked.js';
import type { CastMember } from './cast.js';
import { ConversationTranscript } from './conversation-transcript.js';
import { Story } from './story.js';

/** A further answer to a question, which one key may have asked for several times. */
export interface Regenerated {
  readonly asked: Asked;
  readonly acknowledged: { readonly answer: Sent['answer'] }[];
}

/** What was appended at once; its ids are known where that was acknowledged. */
interface Batch {
  readonly contents: readonly string[];
  ids: readonly string[];
}

const isIn =
  ({ id, content }: StoredPlace) =>
  ({ ids, contents }: Batch) =>
    ids.includes(id) || contents.includes(content);

/**
 * A story whose conversation has branches: questions are worded anew, answers regenerated, messages appended, erased and
 * rated, other branches shown, and all of it is followed.
 */
export class BranchingStory extends Story {
  readonly conversations: ConversationTranscript[] = [];
  readonly regenerated: Regenerated[] = [];
  private readonly batches: Batch[] = [];
  private readonly erased = new Set<string>();
  /** Changes that take a revision where they come to pass. */
  private changes = 0;
  private conversationId = '';
  private over = false;
  private readonly endings = new Set<() => Promise<unknown>>();
  private readonly following: Promise<void>[] = [];

  protected override get isWide(): boolean {
    return true;
  }

  override revisions(messages: readonly StoredPlace[]) {
    const stored = new Set(messages.map(({ id }) => id));
    const further = this.regenerated.filter(({ acknowledged: [sent] }) => stored.has(sent?.answer.id ?? '')).length;
    const unknown = this.regenerated.filter(({ acknowledged }) => acknowledged.length === 0).length;
    const sizes = this.batches.map((batch) => messages.filter((message) => isIn(message)(batch)).length);
    const shared = sizes.reduce((sum, size) => sum + Math.max(0, size - 1), 0);
    const least = 1 + messages.length + further - shared;
    return { least, most: least + unknown + this.changes };
  }

  override callsAllowed(question: string): number {
    return 1 + this.regenerated.filter(({ asked }) => asked.question === question).length;
  }

  override isErased(id: string): boolean {
    return this.erased.has(id);
  }

  override isOfBatch(message: StoredPlace): boolean {
    return this.batches.some(isIn(message));
  }

  override get answers(): readonly ScriptedAnswer[] {
    const further = this.regenerated.flatMap(({ acknowledged: [sent], asked: { script } }) =>
      sent ? [{ answer: sent.answer, script }] : [],
    );
    return [...super.answers, ...further];
  }

  protected override acts(begun: Sent, followers: Promise<void>[]): Promise<void>[] {
    this.conversationId = begun.conversation.id;
    const follow = () => this.act(() => this.followConversation());
    this.following.push(...Array.from({ length: this.random.between(1, 3) }, follow));
    return [
      ...super.acts(begun, followers),
      ...this.many(2, () => this.edit()),
      ...this.many(2, () => this.regenerate()),
      ...this.many(2, () => this.append()),
      ...this.many(2, () => this.select()),
      ...this.many(1, () => this.erase()),
      ...this.many(1, () => this.rate()),
    ];
  }

  private async edit(): Promise<void> {
    const { message } = this.anyQuestion();
    const messageId = toPublicId('msg', message.id);
    await this.question(({ instance }, scope, how) => instance.answers.edit(scope, { ...how, messageId }));
  }

  private async regenerate(): Promise<void> {
    const { asked, message, answer } = this.anyQuestion();
    const messageId = toPublicId('msg', this.random.of(message.id, answer.id));
    const input = { messageId, whenBusy: this.whenBusy(), idempotencyKey: randomUUID() };
    const regenerated: Regenerated = { asked, acknowledged: [] };
    this.regenerated.push(regenerated);
    await this.atOnce(async () => {
      const member = this.anyone();
      regenerated.acknowledged.push(await member.instance.answers.regenerate(this.scopeAt(member), input));
    });
  }

  private async append(): Promise<void> {
    const roles = [...(['USER', 'ASSISTANT', 'SYSTEM', 'TOOL'] as const)].slice(0, this.random.between(1, 4));
    const messages = roles.map((role) => ({
      role,
      content: `${role} ${randomUUID()}`,
      model: this.random.of('a', 'z'),
    }));
    const place = this.random.of({}, {}, { parentId: toPublicId('msg', this.anyAnswer().answer.id) });
    const conversationId = toPublicId('cnv', this.conversationId);
    const input = { conversationId, messages, whenBusy: this.whenBusy(), idempotencyKey: randomUUID(), ...place };
    const batch: Batch = { contents: messages.map(({ content }) => content), ids: [] };
    this.batches.push(batch);
    const made = new Set<string>();
    await this.atOnce(async () => {
      const member = this.anyone();
      const appended = await member.instance.answers.append(this.scopeAt(member), input);
      batch.ids = appended.messages.map(({ id }) => id);
      made.add(batch.ids.join());
    });
    if (made.size > 1) throw new Error('One key appended twice.');
  }

  private async select(): Promise<void> {
    const member = this.anyone();
    this.changes += 1;
    await member.messages.selectBranch(this.scopeAt(member), toPublicId('msg', this.anyMessage()));
  }

  /** Of questions it is not known what the model is shown then. */
  private async erase(): Promise<void> {
    const member = this.anyone();
    const id = this.random.of(this.anyAnswer().answer.id, this.batches[0]?.ids[0] ?? this.anyAnswer().answer.id);
    this.changes += 1;
    this.erased.add(id);
    await member.instance.answers.erase(this.scopeAt(member), toPublicId('msg', id));
  }

  private async rate(): Promise<void> {
    const member = this.anyone();
    this.changes += 1;
    const messageId = toPublicId('msg', this.anyMessage());
    await member.messages.rate(this.scopeAt(member), { messageId, rating: this.random.of('UP', 'DOWN') });
  }

  private anyQuestion() {
    const [first, ...others] = this.asked.flatMap((asked) =>
      asked.acknowledged.slice(0, 1).map(({ message, answer }) => ({ asked, message, answer })),
    );
    if (!first) throw new Error('Nobody has been answered.');
    return this.random.of(first, ...others);
  }

  private anyMessage(): string {
    return this.random.of(this.anyQuestion().message.id, this.anyAnswer().answer.id);
  }

  /** One client: it reads, or begins with now; it is cut now and then, and goes on elsewhere from its cursor. */
  private async followConversation(): Promise<void> {
    const transcript = new ConversationTranscript();
    this.conversations.push(transcript);
    if (this.random.of(true, false)) await this.insisting(transcript, (member) => this.read(member, transcript));
    const first = transcript.cursor;
    while (!this.over && !transcript.deleted && !transcript.left) {
      await this.insisting(transcript, (member) => this.listen(member, transcript));
      if (first === null || this.random.next() >= 0.1) continue;
      transcript.wentBack = true;
      transcript.cursor = first;
    }
  }

  /** Tries until it gets through: here or, when that is closed, elsewhere. */
  private async insisting(
    transcript: ConversationTranscript,
    work: (member: CastMember) => Promise<void>,
  ): Promise<void> {
    for (;;) {
      const [first, ...others] = this.cast.filter(({ closed }) => !closed);
      if (!first || this.over) {
        transcript.left = true;
        return;
      }
      const member = this.random.of(first, ...others);
      try {
        return await work(member);
      } catch (error) {
        if (error instanceof ParleyError && error.code === 'NOT_FOUND' && this.deleted) transcript.deleted = true;
        else if (!(error instanceof ParleyError && error.code === 'UNAVAILABLE')) throw error;
        if (transcript.deleted) return;
        await this.schedule.pause(`${member.name} readers`, 'try again');
      }
    }
  }

  private async read(member: CastMember, transcript: ConversationTranscript): Promise<void> {
    const scope = await this.scopeAt(member).fresh();
    const conversation = await scope.of(member.loaders.conversations).byId.load(this.conversationId);
    if (!conversation) throw new ParleyError('It is gone.', { code: 'NOT_FOUND' });
    const bounds = { after: 0, before: endOfBranch, limit: 100, from: 'newest' } as const;
    const early = this.random.of(true, false) ? await member.live.syncCursor(conversation) : null;
    const page = await scope.of(member.loaders.messages).page.load({ header: conversation.row, bounds });
    transcript.cursor = early ?? (await member.live.syncCursor(conversation));
    transcript.read(conversation, page?.messages ?? []);
  }

  private async listen(member: CastMember, transcript: ConversationTranscript): Promise<void> {
    const publicId = toPublicId('cnv', this.conversationId);
    const events = await member.live.service.followConversation(this.scopeAt(member), publicId, transcript.cursor);
    const leave = async () => await events.return?.();
    for (const leaving of [member.leaving, this.endings]) leaving.add(leave);
    if (member.closed || this.over) await leave();
    const slow = this.random.of(true, false);
    let left = this.random.of(Number.POSITIVE_INFINITY, this.random.between(1, 8));
    for await (const event of events) {
      if (event instanceof SourceFailure) throw event.error;
      this.heard(transcript, event);
      left -= 1;
      if (left <= 0 || transcript.deleted) break;
      if (slow) await this.schedule.pause(`${member.name} readers`, 'read on');
    }
    for (const leaving of [member.leaving, this.endings]) leaving.delete(leave);
  }

  private heard(transcript: ConversationTranscript, event: ConversationLiveEvent): void {
    transcript.take(event);
    transcript.cursor = syncCursorAfter(event, this.conversationId);
  }

  /** Each is told what stands in the database, or that it is gone. */
  protected override async endOthers(): Promise<void> {
    const { conversationId, cast } = this;
    if (conversationId === '') return;
    const { revision } = await this.schedule.aside(() =>
      this.stage.sql.row<{ revision: number }>(
        `SELECT coalesce((SELECT revision FROM conversations WHERE id = $1 AND deleted_at IS NULL), 0)::integer AS revision`,
        [conversationId],
      ),
    );
    const waits = ({ header, deleted, left }: ConversationTranscript) =>
      !deleted && !left && header?.revision !== revision;
    // Sooner than by asking now and then, where messages arrive at all.
    this.bus.renew();
    this.schedule.hurry();
    // Each is told sooner or later; a schedule that goes on for ever is a fault of its own.
    while (this.conversations.some(waits)) await Promise.all(cast.map(({ clock }) => pause(clock, 1000)));
    this.over = true;
    await Promise.all([...this.endings].map((leave) => leave()));
    await Promise.all(this.following);
  }
}
