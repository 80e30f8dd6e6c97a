import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startApp } from '../../support/app.js';
import { quickClock } from '../../support/quick-clock.js';
import { findChromium } from '../../support/system-programs.js';

/** As root, without a screen and without its own talk to the network. */
const chromiumOptions = {
  executablePath: findChromium() ?? 'chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

declare global {
  /** What GraphiQL leaves behind of its editor, in the page. */
  var __MONACO: { editor: { getModels(): { uri: { path: string }; getValue(): string }[] } } | undefined;
}

let app: Awaited<ReturnType<typeof startApp>>;
let browser: Browser;
let page: Page;
/** Addresses of all that the page asked for, and all that the browser complained of. */
let requests: string[];
let complaints: string[];

beforeAll(async () => {
  // The demonstration speaks for 20 s otherwise.
  [app, browser] = await Promise.all([startApp({ clock: quickClock(4) }), chromium.launch(chromiumOptions)]);
});

beforeEach(async () => {
  await page?.context().close();
  page = await (await browser.newContext()).newPage();
  requests = [];
  complaints = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

async function open(path: string): Promise<void> {
  const response = await page.goto(new URL(path, app.url).href);
  expect(response?.status()).toBe(200);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  await page.locator('.graphiql-response .monaco-editor').waitFor();
}

const openTab = (name: string) => page.getByRole('tab', { name }).getByRole('button', { name }).click();

const execute = () => page.getByRole('button', { name: 'Execute query' }).click();

/** The whole text of the response pane as soon as it differs from `before` and is not empty. */
async function nextResponse(before = ''): Promise<string> {
  const shown = await page.waitForFunction(
    (known) => {
      const models = globalThis.__MONACO?.editor.getModels() ?? [];
      const text = models.find((model) => model.uri.path.endsWith('response.json'))?.getValue() ?? '';
      return text === known ? '' : text;
    },
    before,
    { timeout: 30_000 },
  );
  return String(await shown.jsonValue());
}

/** Every state in which the answer was shown, up to the final one. */
async function watchAnswer(): Promise<{ text: string; status: string | undefined }[]> {
  const states: { text: string; status: string | undefined }[] = [];
  let shown = '';
  do {
    shown = await nextResponse(shown);
    const { answer } = JSON.parse(shown).data;
    states.push({ text: answer.message.content, status: answer.message.status });
  } while (states.at(-1)?.status === undefined);
  return states;
}

describe('GraphiQL in Chromium', () => {
  it('runs a query and shows an answer growing to its end, with the token that stood behind #', async () => {
    await open(`/graphiql#${app.token()}`);
    await execute();
    expect(JSON.parse(await nextResponse()).data.viewer.id).toMatch(/^usr_/);

    await openTab('Ask');
    await execute();
    const asked = JSON.parse(await nextResponse()).data.sendMessage;
    expect(asked.answer.status).toBe('STREAMING');

    await openTab('Watch');
    await execute();
    const states = await watchAnswer();
    expect(states.length).toBeGreaterThan(10);
    for (const [index, { text }] of states.entries()) expect(text.startsWith(states[index - 1]?.text ?? '')).toBe(true);
    expect(states.at(-1)?.status).toBe('COMPLETE');
    await page.getByRole('button', { name: 'Execute query' }).waitFor();

    await openTab('History');
    await execute();
    const { nodes } = JSON.parse(await nextResponse()).data.conversation.messages;
    expect(nodes.at(-1)).toMatchObject({ id: asked.answer.id, content: states.at(-1)?.text });
    expect(complaints).toEqual([]);
  });

  it('asks nobody but this server, and keeps the token out of every address', async () => {
    const token = app.token();
    await open(`/graphiql#token=${token}`);
    await execute();
    expect(JSON.parse(await nextResponse()).data.viewer.id).toMatch(/^usr_/);
    expect(page.url()).toBe(new URL('/graphiql', app.url).href);
    const own = [app.url, app.url.replace(/^http/, 'ws'), 'data:'];
    expect(requests.filter((url) => !own.some((start) => url.startsWith(start)))).toEqual([]);
    expect(requests.filter((url) => url.includes(token))).toEqual([]);
    expect(await page.evaluate(`JSON.stringify({ ...localStorage }) + document.cookie`)).toBe('{}');
  });

  it('says how to come by a token where there is none, and uses the one that is pasted', async () => {
    await open('/graphiql');
    await page.getByRole('status').getByText('No token yet').waitFor();
    expect(JSON.parse(await nextResponse()).errors[0].extensions.code).toBe('UNAUTHENTICATED');
    await page.getByLabel('Token').fill(`Bearer ${app.token()}`);
    await page.getByLabel('Token').press('Enter');
    await page.getByRole('status').getByText('Asking as').waitFor();
    await execute();
    await page.locator('.graphiql-response').getByText('usr_').waitFor();
  });
});
