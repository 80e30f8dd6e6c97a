import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { atMost } from '../support/at-most.js';
import { Person } from '../support/person.js';
import { freePort } from '../support/redis-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const root = join(import.meta.dirname, '../..');

/** One block, as it is typed into a terminal, with all that it prints and when. */
class Typed {
  readonly chunks: { readonly text: string; readonly atMs: number }[] = [];
  private readonly child: ChildProcess;
  private complaints = '';

  constructor(block: string, env: NodeJS.ProcessEnv) {
    const { HOME, PATH } = process.env;
    this.child = spawn('sh', ['-c', block], {
      cwd: root,
      env: { HOME, PATH, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.chunks.push({ text, atMs: Date.now() }));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text;
    });
  }

  get text(): string {
    return this.chunks.map(({ text }) => text).join('');
  }

  /** Resolves when all that it says is here; rejects where it failed. */
  async succeeded(): Promise<void> {
    await this.ended();
    if (this.child.exitCode !== 0) throw new Error(`It failed: ${this.complaints}`);
  }

  /** Ctrl-C: it goes to all of the group. */
  async interrupt(): Promise<void> {
    const { pid, exitCode } = this.child;
    if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGINT');
    await this.ended();
  }

  private async ended(): Promise<void> {
    const { exitCode, signalCode } = this.child;
    if (exitCode === null && signalCode === null)
      await once(this.child, 'close', { signal: AbortSignal.timeout(60_000) });
  }
}

/** The blocks that a reader is told to type in the section Quick start, in their order. */
async function quickStart(): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const section = /^## Quick start\n(.*?)^## /ms.exec(readme)?.[1] ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.trim());
}

let folder: TemporaryFolder;
let server: Typed | null = null;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
});

afterAll(async () => {
  await server?.interrupt();
  await folder?.remove();
});

describe("The README's quick start", () => {
  it('typed block by block, gets a streamed answer in 20 deltas or more, the first within a second', async () => {
    const [first = '', ...others] = await quickStart();
    // What it installs is there, or no test would run.
    expect(first).toMatch(/^npm ci && npm start$/);
    expect(others).toHaveLength(1);
    const env = { DATA_DIR: join(folder.path, 'data'), PORT: String(await freePort()) };
    const startedAtMs = performance.now();
    const started = new Typed(first.replace(/^npm ci && /, ''), env);
    server = started;
    const ready = () => /(http:\S+)\/graphiql#(\S+).*Ctrl-C/s.exec(started.text);
    const [, url = '', token = ''] = await until('it is ready', ready, 20_000);
    expect(performance.now() - startedAtMs).toBeLessThan(atMost(15_000));

    const chat = new Typed(others.join('\n'), env);
    await chat.succeeded();
    // npm first says what it runs.
    const deltas = chat.chunks.filter(({ text }) => !text.startsWith('\n> parley@'));
    expect(deltas.length).toBeGreaterThanOrEqual(20);
    const { conversations } = await new Person(url, token).data<{ conversations: { nodes: Conversation[] } }>(
      '{ conversations { nodes { lastMessage { content status createdAt } } } }',
    );
    const [answer] = conversations.nodes.map(({ lastMessage }) => lastMessage);
    expect(answer).toMatchObject({ status: 'COMPLETE' });
    expect(
      deltas
        .map(({ text }) => text)
        .join('')
        .trim(),
    ).toBe(answer?.content.trim());
    expect((deltas[0]?.atMs ?? Number.POSITIVE_INFINITY) - Date.parse(answer?.createdAt ?? '')).toBeLessThan(
      atMost(1000),
    );
  });
});

interface Conversation {
  readonly lastMessage: { readonly content: string; readonly status: string; readonly createdAt: string };
}
