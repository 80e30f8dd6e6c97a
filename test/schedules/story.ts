import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Sent } from '../../src/answers/answer.service.js';
import type { Scope } from '../../src/identity/scope.js';
import { encodeCursor } from '../../src/platform/cursor.js';
import { toPublicId } from '../../src/platform/ids.js';
import { SourceFailure } from '../../src/platform/pulled-source.js';
import type { SeededRandom } from '../support/seeded-random.js';
import type { Asked, Expired, ScriptedAnswer, StoredPlace } from './asked.js';
import { CastMember } from './cast.js';
import { Schedule } from './schedule.js';
import type { Faults } from './scheduled-database.js';
import { ScheduledModel, writeScript } from './scheduled-model.js';
import { ScheduledBus } from './scheduled-pubsub.js';
import type { Stage } from './stage.js';
import { Transcript } from './transcript.js';

/** A few instances, and what people do at the same time in one conversation; all of it follows from the seed. */
export class Story {
  readonly schedule: Schedule;
  readonly asked: Asked[] = [];
  readonly transcripts: Transcript[] = [];
  readonly expired: Expired[] = [];
  readonly model: ScheduledModel;
  readonly cast: readonly CastMember[];
  protected readonly faults: Faults = { rate: 0, mayBeLate: this.isWide, late: 0 };
  /** What went wrong for those who asked for it: code by code. */
  readonly refusals: unknown[] = [];
  deleted = false;
  /** Whose cancel was acknowledged. */
  private readonly cancelled: string[] = [];
  /** How often a statement fails on the way. */
  readonly faultRate: number;
  ownerId = '';
  protected readonly bus: ScheduledBus;
  private readonly scopes = new Map<CastMember, Scope>();

  constructor(
    readonly random: SeededRandom,
    protected readonly stage: Stage,
  ) {
    this.schedule = new Schedule(random.fork(), stage.sql);
    this.bus = new ScheduledBus(this.schedule, random.of('arrive', 'may be lost or doubled', 'never arrive'));
    this.model = new ScheduledModel(this.schedule);
    this.faultRate = random.of(0, 0, 0.02, 0.05);
    const parts = { database: stage.database, schedule: this.schedule, bus: this.bus, model: this.model };
    const names = random.of(['A', 'B'], ['A', 'B'], ['A', 'B', 'C']);
    this.cast = names.map((name) => new CastMember(name, { ...parts, faults: this.faults, hints: this.isWide }));
  }

  /** Are changes told to followers of the conversation, and may COMMITs come late? Both take steps of their own. */
  protected get isWide(): boolean {
    return false;
  }

  /** From the first question to the last event. */
  async play(): Promise<void> {
    const person = await this.stage.plain.person();
    this.ownerId = person.viewer.id;
    await this.schedule.run(async () => {
      for (const member of this.cast) this.scopes.set(member, await member.instance.scopeOf(this.ownerId));
      this.faults.rate = this.faultRate;
      const begun = await this.ask(null);
      const followers: Promise<void>[] = [];
      if (begun) await Promise.all(this.acts(begun, followers));
      await this.end(followers);
    });
  }

  /** Whatever failed: nothing of it goes on. */
  async close(): Promise<void> {
    this.faults.rate = 0;
    this.schedule.letGo();
    const closing = Promise.all(this.cast.map((member) => member.drain(0)));
    let closed = false;
    closing.finally(() => (closed = true)).catch(() => undefined);
    for (let left = 5000; !closed && left > 0; left -= 1) {
      for (const { clock } of this.cast) await clock.toNextTimer();
      await turn();
    }
    for (const { instance } of this.cast) instance.keyring.close();
  }

  /** What people do once there is a conversation. */
  protected acts(begun: Sent, followers: Promise<void>[]): Promise<void>[] {
    const { random } = this;
    const many = this.many.bind(this);
    const { id: conversationId } = begun.conversation;
    followers.push(...Array.from({ length: random.between(1, 4) }, () => this.act(() => this.follow())));
    return [
      ...many(2, async () => {
        await this.ask(conversationId);
      }),
      ...many(2, () => this.cancel(this.anyAnswer().answer.id)),
      ...many(2, () => this.sweep()),
      ...many(random.of(0, 0, 2), () => this.expire()),
      ...many(random.of(0, 0, 0, 0, 1), () => this.delete(conversationId)),
      ...many(random.of(0, 0, 0, 1), () => this.anyone().drain(random.of(0, 2000))),
      ...many(random.of(0, 1), async () => this.bus.renew()),
    ];
  }

  protected many(most: number, act: () => Promise<void>): Promise<void>[] {
    return Array.from({ length: this.random.between(0, most) }, () => this.act(act));
  }

  /** Something that begins at any time, and may be refused in the ways that the protocol knows. */
  protected async act(work: () => Promise<void>): Promise<void> {
    await this.schedule.pause('people', 'begin');
    await work().catch((error: unknown) => this.refusals.push(error));
  }

  /** Everything comes to its end: what is written, what no writer will settle, and what is followed. */
  private async end(followers: readonly Promise<void>[]): Promise<void> {
    const { sql, plain } = this.stage;
    const cancelsAll = this.random.of(true, true, false);
    const written = this.answers.filter(({ answer }) => cancelsAll && this.isWritten(answer.id));
    await Promise.all(written.map(({ answer }) => this.act(() => this.cancel(answer.id))));
    // Each of these ends by itself, without a stop.
    while (this.cancelled.some((answerId) => this.isWritten(answerId))) await this.schedule.pause('people', 'wait');
    await Promise.all(
      this.cast.map(async (member) => {
        await this.schedule.pause('people', `stop ${member.name}`);
        this.faults.rate = 0;
        member.drained = true;
        await member.instance.runs.drain(this.random.of(0, 0, 3000), 60_000);
      }),
    );
    // A stop gives up in time, but what it has sent to PostgreSQL may still be there.
    const isBusy = () => this.faults.late > 0 || this.cast.some(({ instance }) => instance.runs.count > 0);
    while (isBusy()) await this.schedule.pause('people', 'wait');
    await this.schedule.aside(async () => {
      await sql.rows(
        `UPDATE answer_runs SET lease_until = now() - interval '6 s', suspect_since = now() - interval '6 s'
         WHERE owner_id = $1`,
        [this.ownerId],
      );
      await plain.sweep();
    });
    await Promise.all(followers);
    await this.endOthers();
    await Promise.all(this.cast.map((member) => member.drain(0)));
  }

  /** Whoever does not end by itself when everything is settled. */
  protected async endOthers(): Promise<void> {}

  /** The revisions that all this must have taken: for the conversation, each send, and each answer that was settled. */
  revisions(messages: readonly StoredPlace[]): { readonly least: number; readonly most: number } {
    return { least: 1 + messages.length, most: 1 + messages.length };
  }

  /** How often the model may have been asked a question. */
  callsAllowed(_question: string): number {
    return 1;
  }

  /** Did somebody take back what this message says? */
  isErased(_id: string): boolean {
    return false;
  }

  /** Was it appended together with others, whose revision is the same? */
  isOfBatch(_message: StoredPlace): boolean {
    return false;
  }

  private ask(conversationId: string | null): Promise<Sent | null> {
    const place = conversationId === null ? {} : { conversationId: toPublicId('cnv', conversationId) };
    return this.question(({ instance }, scope, how) => instance.send(scope, { ...how, ...place }));
  }

  /** A question, by one or by two at once with the same key. Gives one of the acknowledgements, if there is any. */
  protected async question(
    send: (
      member: CastMember,
      scope: Scope,
      how: { readonly content: string; readonly idempotencyKey: string; readonly whenBusy: 'CANCEL' | 'REJECT' },
    ) => Promise<Sent>,
  ): Promise<Sent | null> {
    const content = `${randomUUID()}?`;
    const asked: Asked = { key: randomUUID(), question: content, script: writeScript(this.random), acknowledged: [] };
    this.asked.push(asked);
    this.model.scripts.set(content, asked.script);
    const how = { content, idempotencyKey: asked.key, whenBusy: this.whenBusy() };
    await this.atOnce(async () => {
      const member = this.anyone();
      asked.acknowledged.push(await send(member, this.scopeAt(member), how));
    });
    return asked.acknowledged[0] ?? null;
  }

  protected whenBusy(): 'CANCEL' | 'REJECT' {
    return this.random.of('CANCEL', 'CANCEL', 'REJECT');
  }

  /** The same by one, or by two at once. */
  protected async atOnce(send: () => Promise<void>): Promise<void> {
    const sends = Array.from({ length: this.random.of(1, 1, 2) }, async () => {
      await this.schedule.pause('people', 'send');
      await send();
    });
    for (const sent of await Promise.allSettled(sends)) {
      if (sent.status === 'rejected') this.refusals.push(sent.reason);
    }
  }

  private async cancel(id: string): Promise<void> {
    const member = this.anyone();
    await member.instance.answers.cancel(this.scopeAt(member), toPublicId('msg', id));
    this.cancelled.push(id);
  }

  private isWritten(answerId: string): boolean {
    return this.cast.some(({ instance }) => instance.runs.liveText(answerId) !== null);
  }

  private async sweep(): Promise<void> {
    const { instance } = this.anyone();
    for (let times = this.random.between(1, 3); times > 0; times -= 1) await instance.sweep();
  }

  /** As if its writer had stood still: its lease ran out, and somebody noticed a while ago. */
  private async expire(): Promise<void> {
    const rows = await this.schedule.aside(() =>
      this.stage.sql.rows<Expired>(
        `UPDATE answer_runs SET lease_until = now() - interval '6 s', suspect_since = now() - interval '6 s'
         WHERE (owner_id, message_id) IN
           (SELECT owner_id, message_id FROM answer_runs WHERE owner_id = $1 FOR UPDATE SKIP LOCKED)
         RETURNING message_id AS "answerId", durable_content AS content, durable_reasoning AS reasoning`,
        [this.ownerId],
      ),
    );
    this.expired.push(...rows);
    const { instance } = this.anyone();
    await instance.sweep();
  }

  private async delete(conversationId: string): Promise<void> {
    const member = this.anyone();
    this.deleted = true;
    await member.instance.conversations.delete(this.scopeAt(member), [toPublicId('cnv', conversationId)]);
  }

  private async follow(): Promise<void> {
    const member = this.anyone();
    if (member.drained) return;
    const scope = this.scopeAt(member);
    const { answer, script } = this.anyAnswer();
    const place = { content: this.anyOffset(script.content), reasoning: this.anyOffset(script.reasoning) };
    const after = this.random.of(null, place);
    const transcript = new Transcript(member, answer.id, script, after ?? { content: 0, reasoning: 0 });
    this.transcripts.push(transcript);
    const cursor = after && encodeCursor(scope.keys, 'answer', answer.id, [after.content, after.reasoning]);
    const events = await member.instance.answers.follow(scope, toPublicId('msg', answer.id), cursor);
    const leave = async () => {
      transcript.left = true;
      await events.return?.();
    };
    member.leaving.add(leave);
    if (member.closed) await leave();
    const slow = this.random.of(true, false);
    for await (const event of events) {
      if (event instanceof SourceFailure) throw event.error;
      transcript.take(event);
      if (slow) await this.schedule.pause(`${member.name} readers`, 'read on');
    }
    member.leaving.delete(leave);
    transcript.ended = true;
  }

  protected anyone(): CastMember {
    const [first, ...others] = this.cast;
    if (!first) throw new Error('Nobody is there.');
    return this.random.of(first, ...others);
  }

  /** Those that were acknowledged. */
  get answers(): readonly ScriptedAnswer[] {
    return this.asked.flatMap(({ acknowledged: [sent], script }) => (sent ? [{ answer: sent.answer, script }] : []));
  }

  protected anyAnswer() {
    const [first, ...others] = this.answers;
    if (!first) throw new Error('Nobody has been answered.');
    return this.random.of(first, ...others);
  }

  /** Most often within the text, now and then beyond. */
  private anyOffset(text: string): number {
    return this.random.between(0, Math.ceil(text.length * this.random.of(0.3, 0.9, 1.2)));
  }

  protected scopeAt(member: CastMember): Scope {
    const scope = this.scopes.get(member);
    if (!scope) throw new Error('Nobody asks here.');
    return scope;
  }
}
