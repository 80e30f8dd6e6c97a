import { randomUUID } from 'node:crypto';
import type { TestApp } from '../../support/app.js';
import { attempt, readMessage } from '../../support/conversations.js';
import { ModelByHand } from '../../support/model-server.js';
import type { Person } from '../../support/person.js';
import type { Recipe } from '../../support/readme-recipe.js';
import type { ScriptedModel } from '../../support/scripted-model.js';
import { until } from '../../support/until.js';
import { readScreen, ScreenDevice } from './screen-device.js';
import type { Step } from './sync-steps.js';

/** Two instances, and the Redis between them. */
export interface SyncStage {
  readonly apps: readonly [TestApp, TestApp];
  readonly model: ScriptedModel;
  readonly recipe: Recipe;
  /** Kills Redis, or starts it where it was. */
  readonly redis: (is: 'killed' | 'started') => Promise<void>;
}

interface Writing {
  readonly answerId: string;
  readonly byHand: ModelByHand;
}

interface Made {
  readonly answer?: { readonly id: string } | null;
  readonly message?: { readonly id: string } | null;
  readonly messages?: readonly { readonly id: string }[];
}

/** What an operation may be refused with, where it was drawn at random. */
const mayBe = ['BAD_USER_INPUT', 'CONFLICT', 'NOT_FOUND'];
/** On a busy machine, and with Redis away. */
const patienceMs = 20_000;

/** One conversation to which things happen, and a device that follows it through them. */
export class SyncRun {
  private readonly name = randomUUID();
  private readonly people: readonly [Person, Person];
  private readonly messageIds: string[] = [];
  /** By the id of a USER message: what the model is asked with it. */
  private readonly questions = new Map<string, string>();
  private conversationId = '';
  private writing: Writing | null = null;
  private said = 0;

  private constructor(
    private readonly stage: SyncStage,
    private readonly makeDevice: (conversationId: string) => ScreenDevice,
  ) {
    const [one, other] = stage.apps;
    this.people = [one.person(this.name), other.person(this.name)];
  }

  /** Runs all steps; rejects where the device does not end with what a fresh read gives. Gives the device. */
  static async run(stage: SyncStage, steps: readonly Step[], endsDeleted: boolean): Promise<ScreenDevice> {
    const run = new SyncRun(stage, (id) => new ScreenDevice(stage.recipe, id));
    const device = await run.begin();
    try {
      for (const step of steps) await run.step(step, device);
      if (endsDeleted) await run.endDeleted(device);
      else await run.end(device);
    } finally {
      await run.writing?.byHand.finish().catch(() => undefined);
      await device.disconnect('leave').catch(() => undefined);
    }
    return device;
  }

  private person(at: number): Person {
    return at === 0 ? this.people[0] : this.people[1];
  }

  private async begin(): Promise<ScreenDevice> {
    const query = 'mutation { createConversation(input: {}) { conversation { id } } }';
    const { createConversation } = await this.people[0].data<{
      createConversation: { conversation: { id: string } };
    }>(query);
    this.conversationId = createConversation.conversation.id;
    const device = this.makeDevice(this.conversationId);
    await device.load(this.people[0]);
    await device.connect(this.people[1], 'last');
    return device;
  }

  private async step(step: Step, device: ScreenDevice): Promise<void> {
    if (device.failure) throw device.failure;
    if (step.do === 'leave' || step.do === 'cut') await device.disconnect(step.do);
    else if (step.do === 'come') await device.connect(this.person(step.at), step.from, step.cutAfter);
    else if (step.do === 'redis') await this.stage.redis(step.is);
    else if (step.do === 'see') await this.see(device);
    else if (step.do === 'reload') {
      await device.load(this.person(step.at));
      await device.connect(this.person(step.at), 'last');
    } else await this.happen(step);
  }

  private async happen(step: Step): Promise<void> {
    const { conversationId } = this;
    switch (step.do) {
      case 'send':
      case 'edit':
      case 'regenerate':
        return await this.ask(step);
      case 'say':
        return await this.say(step);
      case 'finish':
        return await this.finish();
      case 'append': {
        const messages = Array.from({ length: step.count }, (_, at) => ({
          role: at % 2 === 0 ? 'USER' : 'ASSISTANT',
          content: this.nextText('appended'),
        }));
        const parentId = step.after === null ? null : this.messageAt(step.after);
        return await this.mutate(step.at, 'appendMessages', 'AppendMessagesInput', 'messages { id }', {
          ...{ conversationId, messages, parentId, whenBusy: 'CANCEL' },
        });
      }
      case 'rate': {
        const input = { messageId: this.messageAt(step.of), rating: step.rating };
        return await this.mutate(step.at, 'rateMessage', 'RateMessageInput', 'message { id }', input);
      }
      case 'update': {
        const change = step.what === 'title' ? { title: this.nextText('title') } : { [step.what]: step.on };
        const input = { id: conversationId, ...change };
        return await this.mutate(step.at, 'updateConversation', 'UpdateConversationInput', '__typename', input);
      }
      case 'cancel':
        return await this.named(step.at, 'cancelAnswer', this.writing?.answerId ?? '');
      case 'select':
        return await this.named(step.at, 'selectBranch', this.messageAt(step.of));
      case 'erase':
        return await this.named(step.at, 'eraseMessage', this.messageAt(step.of));
    }
  }

  /** A question, another wording of one, or the same once more; its answer is written by hand. */
  private async ask(step: Extract<Step, { do: 'send' | 'edit' | 'regenerate' }>): Promise<void> {
    const messageId = step.do === 'send' ? '' : this.messageAt(step.of);
    const content = step.do === 'regenerate' ? (this.questions.get(messageId) ?? '') : this.nextText('question');
    const byHand = new ModelByHand();
    this.stage.model.answer(content, byHand.reply);
    const busy = { whenBusy: 'CANCEL' };
    const sent = 'message { id } answer { id }';
    const input = {
      send: { conversationId: this.conversationId, content, ...this.parentOf(step), ...busy },
      edit: { messageId, content, ...busy },
      regenerate: { messageId, ...busy },
    }[step.do];
    const name = { send: 'sendMessage', edit: 'editMessage', regenerate: 'regenerateAnswer' }[step.do];
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    const made = await this.attempt(step.at, name, `$input: ${type}!`, 'input: $input', sent, { input });
    if (!made?.answer) return;
    if (made.message) this.questions.set(made.message.id, content);
    this.questions.set(made.answer.id, content);
    this.writing = { answerId: made.answer.id, byHand };
    const isOver = async () => (await readMessage(this.people[0], made.answer?.id ?? '')).status !== 'STREAMING';
    let called = false;
    byHand.called.then(() => {
      called = true;
    });
    await until('the model is asked', async () => called || (await isOver()), patienceMs);
  }

  private parentOf(step: Step): object {
    if (step.do !== 'send' || step.after === null) return {};
    return { parentId: this.messageAt(step.after) };
  }

  private async say({ pieces, thought }: Extract<Step, { do: 'say' }>): Promise<void> {
    if (!this.writing || !(await this.isRunning(this.writing))) await this.ask({ do: 'send', at: 0, after: null });
    const { writing } = this;
    if (!writing) return;
    if (thought) await writing.byHand.reasoning(this.nextText('thought'));
    for (let piece = 0; piece < pieces; piece += 1) await writing.byHand.text(this.nextText('piece'));
  }

  private async finish(): Promise<void> {
    const { writing } = this;
    this.writing = null;
    if (writing && (await this.isRunning(writing))) await writing.byHand.finish();
  }

  /** Waits until the device shows that which was said last, where it can. */
  private async see(device: ScreenDevice): Promise<void> {
    const { writing } = this;
    if (!writing || !device.isConnected || !(await this.isRunning(writing)) || this.said === 0) return;
    const stored = async () => (await readMessage(this.people[0], writing.answerId)).content;
    const isSeen = async () => (device.contentOf(writing.answerId)?.length ?? -1) >= (await stored()).length;
    const isAway = async () => !device.isConnected || device.failure !== null || !(await this.isRunning(writing));
    await until('the device shows what is durable', async () => (await isAway()) || (await isSeen()), patienceMs);
  }

  private async isRunning({ answerId }: Writing): Promise<boolean> {
    return (await readMessage(this.people[0], answerId)).status === 'STREAMING';
  }

  private mutate(at: number, name: string, type: string, fields: string, input: object): Promise<void> {
    return this.attempt(at, name, `$input: ${type}!`, 'input: $input', fields, { input }).then(() => undefined);
  }

  private async named(at: number, name: string, messageId: string): Promise<void> {
    await this.attempt(at, name, '$id: ID!', 'messageId: $id', '__typename', { id: messageId });
  }

  private async attempt(
    at: number,
    name: string,
    variables: string,
    argument: string,
    fields: string,
    values: object,
  ): Promise<Made | null> {
    const query = `mutation (${variables}) { ${name}(${argument}) { ${fields} } }`;
    const outcome = await attempt<Record<string, Made>>(this.person(at), query, values);
    if (outcome.code !== undefined && !mayBe.includes(outcome.code)) {
      throw new Error(`${name} was refused: ${outcome.code}, ${outcome.message}`);
    }
    const made = outcome.data?.[name] ?? null;
    for (const one of [made?.message, made?.answer, ...(made?.messages ?? [])]) {
      if (one && !this.messageIds.includes(one.id)) this.messageIds.push(one.id);
    }
    return made;
  }

  private messageAt(fromNewest: number): string {
    return this.messageIds.at(-1 - (fromNewest % Math.max(1, this.messageIds.length))) ?? '';
  }

  private nextText(what: string): string {
    this.said += 1;
    return `${what} ${this.said} é👩‍👧 ${what === 'question' ? this.name : ''} `;
  }

  private async end(device: ScreenDevice): Promise<void> {
    await this.stage.redis('started');
    await this.finish();
    const query = 'query ($id: ID!) { conversation(id: $id) { activeAnswer { id } } }';
    const isFinal = async () => {
      const { conversation } = await this.people[0].data<{ conversation: { activeAnswer: object | null } }>(query, {
        id: this.conversationId,
      });
      return conversation.activeAnswer === null;
    };
    await until('the answer is final', isFinal, patienceMs);
    await device.stay(this.people[1]);
    const { conversation, messages } = await readScreen(this.people[0], this.stage.recipe, this.conversationId);
    const fresh = JSON.stringify({ conversation, messages });
    const isSame = () => device.failure !== null || JSON.stringify(device.shown) === fresh;
    await until('the same', isSame, patienceMs).catch(() => {
      throw new Error(`The device shows ${JSON.stringify(device.shown)}, and a fresh read ${fresh}.`);
    });
    if (device.failure) throw device.failure;
    if (device.gaps > 0) throw new Error(`${device.gaps} deltas began beyond what was there.`);
  }

  private async endDeleted(device: ScreenDevice): Promise<void> {
    const deletion = 'mutation ($ids: [ID!]!) { deleteConversations(ids: $ids) { deletedIds } }';
    await this.people[0].data(deletion, { ids: [this.conversationId] });
    this.writing = null;
    await this.stage.redis('started');
    await device.stay(this.people[1]);
    await until('the device knows that it is gone', () => device.isGone || device.failure, patienceMs);
    if (device.failure) throw device.failure;
  }
}
