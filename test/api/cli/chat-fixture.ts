import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { startApp, type TestApp } from '../../support/app.js';
import { ModelByHand } from '../../support/model-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { killParleyProcesses, ParleyProcess } from './parley-process.js';

/** A server with a model of ours, and `parley chat` beside it, which speaks for the developer. */
export class ChatFixture {
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly folder: TemporaryFolder,
    readonly model: ScriptedModel,
    readonly app: TestApp,
  ) {}

  static async open(): Promise<ChatFixture> {
    const folder = await makeTemporaryFolder();
    const model = await ScriptedModel.start();
    return new ChatFixture(folder, model, await startApp({ env: model.env }));
  }

  get options() {
    const { JWT_SECRETS } = this.app.env;
    return { env: { DATA_DIR: join(this.folder.path, 'none'), JWT_SECRETS }, folder: this.folder.path };
  }

  chat(args: readonly string[], { input = '', url = this.app.url } = {}): ParleyProcess {
    return ParleyProcess.cli(['chat', '--url', url, ...args], this.options, input);
  }

  /** A question that nobody has asked before, and the model's answer to it, piece by piece. */
  newQuestion() {
    const question = `Question ${randomUUID()}`;
    const byHand = new ModelByHand();
    this.model.answer(question, byHand.reply);
    return { question, byHand };
  }

  /** What the server answers to a request of the developer's. */
  async forward(body: string): Promise<string> {
    const { query, variables } = JSON.parse(body);
    return JSON.stringify(await this.app.person('developer').graphql(query, variables));
  }

  /** The messages of the conversation that a command told at its end. */
  async stored(command: ParleyProcess) {
    interface Read {
      conversation: { messages: { nodes: { role: string; status: string; content: string }[] } };
    }
    const query = 'query ($id: ID!) { conversation(id: $id) { messages { nodes { role status content } } } }';
    const variables = { id: conversationOf(command) };
    return (await this.app.person('developer').data<Read>(query, variables)).conversation.messages.nodes;
  }

  /** For `afterEach`: these are closed first. */
  closeAfterwards<Closable extends { close(): Promise<unknown> }>(one: Closable): Closable {
    this.closers.push(() => one.close());
    return one;
  }

  async tidy(): Promise<void> {
    await killParleyProcesses();
    await Promise.all(this.closers.splice(0).map((close) => close()));
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.model.stop();
    await this.folder.remove();
  }
}

/** The id that a command told at its end. */
export const conversationOf = (command: ParleyProcess) =>
  /--conversation (cnv_[0-9a-f]+)/.exec(command.stderr)?.[1] ?? '';
