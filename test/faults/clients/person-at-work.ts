import { setTimeout as wait } from 'node:timers/promises';
import { hardText } from '../../support/hard-text.js';
import type { SeededRandom } from '../../support/seeded-random.js';
import { callKey, otherModels, questionOf } from '../deployment/speech.js';
import type { Ended, ListedConversation, StoredConversation } from '../history.js';
import { AnswerWatcher } from './answer-watcher.js';
import { chooseSpeech } from './choose-speech.js';
import { ConversationDevice } from './conversation-device.js';
import { KnownConversation, type KnownQuestion } from './knowledge.js';
import { ListDevice } from './list-device.js';
import { operate, type Wanted } from './operate.js';
import { anyInstance, otherInstance, type World } from './world.js';

/** Conversations that somebody works in at a time; the oldest is left alone when there are more. */
const mostConversations = 5;
/** Attempts with one key while its outcome is unknown. */
const mostAttempts = 8;

type Deed = () => Promise<void>;

/** Somebody with several tabs open: does one random thing after the other, at whichever instance. */
export class PersonAtWork {
  private readonly conversations: KnownConversation[] = [];
  private readonly following: Promise<void>[] = [];
  private readonly watchers: AnswerWatcher[] = [];
  private readonly devices: ConversationDevice[] = [];
  private readonly list: ListDevice;
  private keys = 0;

  constructor(
    private readonly world: World,
    readonly name: string,
    private readonly random: SeededRandom,
    private readonly pauseMs: number,
  ) {
    this.list = new ListDevice(world, name, random.fork());
  }

  /** Until the world is stopping; a few tabs at a time. */
  async work(tabs: number): Promise<void> {
    this.following.push(this.list.follow());
    await Promise.all(Array.from({ length: tabs }, () => this.workInTab(this.random.fork())));
  }

  /** Resolves when nothing is followed any more. */
  async left(): Promise<void> {
    await Promise.all(this.following);
  }

  /** Has everything that is followed ended, or does it show what is stored? */
  isTold(stored: ReadonlyMap<string, StoredConversation>, listed: readonly ListedConversation[]): boolean {
    const areDevices = this.devices.every((device) => device.shows(stored.get(device.conversation)));
    return areDevices && this.watchers.every(({ hasEnded }) => hasEnded) && this.list.shows(listed);
  }

  private async workInTab(random: SeededRandom): Promise<void> {
    while (!this.world.stopping.aborted) {
      await this.deed(random)();
      await wait(random.between(0, this.pauseMs * 2));
    }
  }

  private deed(random: SeededRandom): Deed {
    const known = this.conversations.length > 0 ? random.of(...this.some()) : null;
    if (!known) return () => this.create(random);
    const deeds: readonly (readonly [number, Deed])[] = [
      [6, () => this.create(random)],
      [30, () => this.send(random, random.next() < 0.12 ? null : known)],
      [14, () => this.append(random, known)],
      [7, () => this.edit(random, known)],
      [7, () => this.regenerate(random, known)],
      [8, () => this.select(random, known)],
      [5, () => this.erase(random, known)],
      [5, () => this.cancel(random, known)],
      [9, () => this.rename(random, known)],
      [9, () => this.rate(random, known)],
      [3, () => this.remove(random, known)],
      [18, () => this.readPage(random, known)],
      [4, () => this.readList(random)],
    ];
    let at = random.next() * deeds.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, deed] of deeds) {
      at -= weight;
      if (at < 0) return deed;
    }
    return () => this.readList(random);
  }

  private some(): [KnownConversation, ...KnownConversation[]] {
    const [first, ...others] = this.conversations.slice(-mostConversations);
    if (!first) throw new Error('There is no conversation.');
    return [first, ...others];
  }

  private async create(random: SeededRandom): Promise<void> {
    const key = this.nextKey();
    const input = { idempotencyKey: key, metadata: { key }, title: `made with ${key}` };
    const { result } = await this.insist(random, { kind: 'createConversation', variables: { input }, key });
    if (result?.conversation) this.learn(random, result.conversation);
  }

  private async send(random: SeededRandom, known: KnownConversation | null): Promise<void> {
    const key = this.nextKey();
    const content = questionOf(key, chooseSpeech(random), hardText(random, random.between(1, 60)));
    const input = {
      ...(known ? { conversationId: known.id } : { newConversation: { metadata: { key } } }),
      ...{ content, idempotencyKey: key, whenBusy: busily(random) },
    };
    const wanted = { kind: 'sendMessage', variables: { input }, key, conversation: known?.id ?? null } as const;
    const { result } = await this.insist(random, { ...wanted, wrote: [content] });
    const [question, answer] = result?.messages ?? [];
    if (!result?.conversation || !question || !answer) return;
    const where = known ?? this.learn(random, result.conversation);
    this.follow(random, where.asked(question, key, answer), answer);
  }

  private async edit(random: SeededRandom, known: KnownConversation): Promise<void> {
    const edited = known.anyQuestion(random);
    if (!edited) return;
    const key = this.nextKey();
    const content = questionOf(key, chooseSpeech(random), hardText(random, random.between(1, 60)));
    const input = { messageId: edited.id, content, idempotencyKey: key, whenBusy: busily(random) };
    const place = { conversation: known.id, message: edited.id };
    const wanted = { kind: 'editMessage', variables: { input }, key, ...place, wrote: [content] } as const;
    const { result } = await this.insist(random, wanted);
    const [question, answer] = result?.messages ?? [];
    if (question && answer) this.follow(random, known.asked(question, key, answer), answer);
  }

  private async regenerate(random: SeededRandom, known: KnownConversation): Promise<void> {
    const { id, question } = known.toAnswerAnew(random) ?? {};
    const model = otherModels[question?.again ?? 0];
    if (!id || !question || !model) return;
    question.again += 1;
    const key = this.nextKey();
    const input = { messageId: id, model, idempotencyKey: key, whenBusy: busily(random) };
    const place = { conversation: known.id, message: id };
    const wrote = [callKey(question.key, model)];
    const wanted = { kind: 'regenerateAnswer', variables: { input }, key, ...place, wrote } as const;
    const [answer] = (await this.insist(random, wanted)).result?.messages ?? [];
    if (!answer) return;
    known.answered(question, answer);
    this.follow(random, question, answer);
  }

  private follow(random: SeededRandom, question: KnownQuestion, answer: string): void {
    for (let followers = random.between(0, 2); followers > 0; followers -= 1) {
      const watcher = new AnswerWatcher(this.world, this.name, answer, random.fork());
      question.watchers.push(watcher);
      this.watchers.push(watcher);
      this.following.push(watcher.watch());
    }
  }

  private async append(random: SeededRandom, known: KnownConversation): Promise<void> {
    const { id } = known;
    const key = this.nextKey();
    const texts = Array.from({ length: random.between(1, 4) }, (_, index) => `appended ${key}/${index} 日本 👩‍👧`);
    const roles = ['USER', 'ASSISTANT'] as const;
    const input = {
      conversationId: id,
      messages: texts.map((content, index) => ({ role: roles[index % 2], content })),
      ...{ idempotencyKey: key, whenBusy: busily(random) },
    };
    const wanted = { kind: 'appendMessages', variables: { input }, key, conversation: id, wrote: texts } as const;
    const { result } = await this.insist(random, wanted);
    known.appended(result?.messages ?? []);
  }

  private async cancel(random: SeededRandom, { id, lastAnswer }: KnownConversation): Promise<void> {
    const answer = lastAnswer?.id;
    if (!answer) return;
    await this.once(random, { kind: 'cancelAnswer', variables: { id: answer }, conversation: id, message: answer });
  }

  private async select(random: SeededRandom, known: KnownConversation): Promise<void> {
    const message = known.any(random, 20)?.id;
    if (!message) return;
    const place = { conversation: known.id, message };
    await this.once(random, { kind: 'selectBranch', variables: { id: message }, ...place });
  }

  private async erase(random: SeededRandom, known: KnownConversation): Promise<void> {
    const message = known.toErase(random);
    if (!message) return;
    message.erased = true;
    if (message.question?.id === message.id) message.question.erased = true;
    const place = { conversation: known.id, message: message.id };
    const wanted = { kind: 'eraseMessage', variables: { id: message.id }, ...place } as const;
    const { outcome } = await this.insist(random, wanted);
    if (outcome === 'ok') this.world.erased.add(message.id);
  }

  private async rename(random: SeededRandom, { id }: KnownConversation): Promise<void> {
    const title = `called ${this.nextKey()}`;
    const variables = { input: { id, title } };
    await this.once(random, { kind: 'updateConversation', variables, conversation: id, wrote: [title] });
  }

  private async rate(random: SeededRandom, known: KnownConversation): Promise<void> {
    const { id } = known;
    const message = known.any(random, 6)?.id;
    if (!message) return;
    const rating = random.of('UP', 'DOWN', null);
    const variables = { input: { messageId: message, rating } };
    await this.once(random, { kind: 'rateMessage', variables, conversation: id, message, wrote: [rating ?? ''] });
  }

  private async remove(random: SeededRandom, { id }: KnownConversation): Promise<void> {
    const index = this.conversations.findIndex((one) => one.id === id);
    if (index !== -1) this.conversations.splice(index, 1);
    await this.insist(random, { kind: 'deleteConversations', variables: { ids: [id] }, conversation: id });
  }

  private async readPage(random: SeededRandom, { id }: KnownConversation): Promise<void> {
    await this.once(random, { kind: 'readPage', variables: { id }, conversation: id });
  }

  private async readList(random: SeededRandom): Promise<void> {
    await this.once(random, { kind: 'readList', variables: {} });
  }

  private once(random: SeededRandom, wanted: Omit<Wanted, 'person'>) {
    return operate(this.world, anyInstance(random), { ...wanted, person: this.name });
  }

  /** Until it is known what became of it, with the same key; and sometimes once more, as clients do that lost an answer. */
  private async insist(random: SeededRandom, wanted: Omit<Wanted, 'person'>): Promise<Omit<Ended, 'type'>> {
    let instance = anyInstance(random);
    for (let attempts = 1; ; attempts += 1) {
      const ended = await operate(this.world, instance, { ...wanted, person: this.name });
      const isKnown = ended.outcome === 'ok' || (ended.outcome === 'refused' && ended.code !== 'UNAVAILABLE');
      if (ended.outcome === 'ok' && wanted.key && random.next() < 0.15) {
        await operate(this.world, anyInstance(random), { ...wanted, person: this.name });
      }
      if (isKnown || attempts === mostAttempts) return ended;
      if (random.next() < 0.7) instance = otherInstance(instance);
      await wait(random.between(20, 800));
    }
  }

  private learn(random: SeededRandom, id: string): KnownConversation {
    const known = new KnownConversation(id);
    this.conversations.push(known);
    if (random.next() < 0.4) {
      const device = new ConversationDevice(this.world, this.name, id, random.fork());
      this.devices.push(device);
      this.following.push(device.follow());
    }
    return known;
  }

  private nextKey(): string {
    this.keys += 1;
    return `${this.name}-${this.keys}`;
  }
}

const busily = (random: SeededRandom) => (random.next() < 0.2 ? 'CANCEL' : 'REJECT');
