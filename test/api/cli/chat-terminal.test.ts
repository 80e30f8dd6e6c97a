import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { answered, bytes, chunk, done, ModelByHand, type ModelReply } from '../../support/model-server.js';
import { ChatFixture } from './chat-fixture.js';
import { ParleyProcess } from './parley-process.js';

const esc = '\u001b';
const [ctrlC, ctrlD, enter] = ['\u0003', '\u0004', '\r'];
/** What readline writes when it waits for a line: the cursor stands after `> `. */
const prompt = `${esc}\\[1G${esc}\\[0J> ${esc}\\[3G$`;

let fixture: ChatFixture;

beforeAll(async () => {
  fixture = await ChatFixture.open();
});
afterEach(() => fixture?.tidy());
afterAll(() => fixture?.close());

function startChat(args: readonly string[] = []): ParleyProcess {
  const { options, app } = fixture;
  const command = [process.execPath, `--diagnostic-dir=${options.folder}/`, 'dist/src/cli.js', 'chat'];
  return ParleyProcess.inTerminal([...command, '--url', app.url, ...args], options);
}

/** At a terminal, ready for the first question. */
async function openChat(args: readonly string[] = []): Promise<ParleyProcess> {
  const terminal = startChat(args);
  await asked(terminal);
  return terminal;
}

/** Waits for the prompt and forgets what was before it. */
async function asked(terminal: ParleyProcess): Promise<string> {
  await terminal.heard(new RegExp(prompt));
  const said = terminal.stdout;
  terminal.stdout = '';
  return said;
}

const thoughtful: ModelReply = bytes(
  chunk({ reasoning_content: 'Let me think.' }),
  chunk({ content: `${esc}[31mred${esc}]0;title\u0007\r\n` }),
  chunk({ content: 'and calm' }),
  chunk({}, 'stop'),
  done,
);

describe('parley chat at a terminal', () => {
  it('asks one question after another in one conversation, and tells its id at the end', async () => {
    fixture.model.answer('First', answered('one'));
    fixture.model.answer('Second', answered('two'));
    const terminal = await openChat();
    terminal.type(`First${enter}`);
    expect(await asked(terminal)).toContain('one');
    terminal.type(`Second${enter}`);
    expect(await asked(terminal)).toContain('two');
    terminal.type(ctrlD);
    const [, id] = await terminal.heard(/go on with: npm run cli -- chat --conversation (cnv_[0-9a-f]+)/);
    expect(await terminal.ended()).toBe(0);
    const { body } = await fixture.model.call('Second');
    expect(JSON.stringify(body.messages)).toContain('one');
    expect(
      await fixture.app.person('developer').data('query ($id: ID!) { conversation(id: $id) { messageCount } }', { id }),
    ).toEqual({ conversation: { messageCount: 4 } });
  });

  it('takes a pasted text of several lines as one question, when its last line is entered', async () => {
    const words = ['another', ' line', ' and', ' one', ' more', ' word'];
    fixture.model.answer(`one line\n${words.join('')}`, answered('read'));
    const terminal = await openChat();
    terminal.type(`one line\r${words[0]}`);
    for (const [index, word] of words.slice(1).entries()) {
      await terminal.heard(new RegExp(`${words[index]}$`));
      terminal.type(word);
    }
    await terminal.heard(/word$/);
    terminal.type(enter);
    expect(await asked(terminal)).toContain('read');
  });

  it('shows what the model thinks dimmed, before its answer, and obeys nothing that it writes', async () => {
    fixture.model.answer('Think', thoughtful);
    const terminal = await openChat();
    terminal.type(`Think${enter}`);
    const said = await asked(terminal);
    const shown = said.replaceAll(`${esc}[22m${esc}[2m`, '').replaceAll('\r', '');
    expect(shown).toContain(`${esc}[2mLet me think.${esc}[22m\n\n[31mred]0;title\nand calm\n`);
  });

  it('stops an answer at Ctrl-C and asks on, and leaves at Ctrl-C when it asks', async () => {
    const byHand = new ModelByHand();
    fixture.model.answer('Long', byHand.reply);
    const terminal = await openChat();
    terminal.type(`Long${enter}`);
    await byHand.text('As far as it came');
    await terminal.heard(/As far as it came/);
    terminal.type(ctrlC);
    const said = await asked(terminal);
    expect(said).toContain('Stopping the answer; Ctrl-C again quits at once.');
    expect(said).toContain('Cancelled: what was written is kept.');
    terminal.type(ctrlC);
    await terminal.heard(/Conversation cnv_/);
    expect(await terminal.ended()).toBe(0);
  });

  it('shows the answer that is being written in the conversation it goes on with', async () => {
    const byHand = new ModelByHand();
    fixture.model.answer('Slow', byHand.reply);
    const { sendMessage } = await fixture.app
      .person('developer')
      .data<{ sendMessage: { conversation: { id: string } } }>(
        'mutation { sendMessage(input: { content: "Slow" }) { conversation { id } } }',
      );
    await byHand.text('written while nobody looked');
    const terminal = startChat(['--conversation', sendMessage.conversation.id]);
    await terminal.heard(/written while nobody looked/);
    await byHand.finish();
    await asked(terminal);
    terminal.type(ctrlD);
    expect(await terminal.ended()).toBe(0);
  });

  it('says what the server refuses, and asks on', async () => {
    const terminal = await openChat(['--model', 'nobody-has-it']);
    terminal.type(`Hello${enter}`);
    expect(await asked(terminal)).toContain('scripted');
    terminal.type(ctrlD);
    expect(await terminal.ended()).toBe(0);
  });
});
