import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestApp } from './app.js';
import { Person } from './person.js';
import { until } from './until.js';

const root = join(import.meta.dirname, '../..');

export interface ServerProcessOptions {
  /** Beside this instance: on its database and Redis, with its secrets. */
  readonly beside: Pick<TestApp, 'env' | 'token'>;
  readonly env?: NodeJS.ProcessEnv;
  /** A test's temporary folder: what is left of a killed test is found by it. */
  readonly folder: string;
  /** Loaded before the server, in place of what tells its memory; the file answers each message with one. */
  readonly preload?: string;
  /** Told each line that it writes. */
  readonly onLine?: (line: string) => void;
}

/** In bytes. */
export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** A server as it was built, in a process of its own: one that can be killed, and whose memory is its alone. */
export class ServerProcess {
  #url: string | null = null;
  #reply: unknown = null;
  #output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly app: ServerProcessOptions['beside'],
    private readonly onLine: (line: string) => void,
  ) {
    child.on('message', (reply) => {
      this.#reply = reply;
    });
    if (child.stderr) void this.read(child.stderr);
    if (child.stdout) void this.read(child.stdout);
  }

  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const { beside, env, folder, preload = join(import.meta.dirname, 'tell-memory.mjs') } = options;
    const flags = ['--expose-gc', '--import', preload];
    const child = spawn(process.execPath, [...flags, join(root, 'dist/src/main.js'), `${folder}/`], {
      env: { ...process.env, ...beside.env, LOG_LEVEL: 'info', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const server = new ServerProcess(child, beside, options.onLine ?? (() => undefined));
    const isUp = () => server.#url !== null || server.hasEnded;
    await until('the server listens', isUp, 60_000).catch(async (error: unknown) => {
      await server.kill();
      throw error;
    });
    if (server.hasEnded) throw new Error(`The server did not start: ${server.#output}`);
    return server;
  }

  get url(): string {
    if (this.#url === null) throw new Error('The server does not listen yet.');
    return this.#url;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  person(name: string): Person {
    return new Person(this.url, this.app.token(name));
  }

  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(name);
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    if (!this.hasEnded) await once(this.child, 'exit', { signal: AbortSignal.timeout(60_000) });
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** For hooks: whatever state it is in. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.signal('SIGKILL');
    await this.ended();
  }

  /** What it holds: as it is, or when its garbage has been collected. */
  async memory(how: 'as it is' | 'collect'): Promise<Memory> {
    return await this.ask<Memory>(how);
  }

  /** What the file that was loaded before the server answers to a question; one at a time. */
  async ask<Reply>(question: string | object): Promise<Reply> {
    this.#reply = null;
    // Where it has just ended, the question is not answered, which says as much.
    this.child.send(question, () => undefined);
    return (await until('the server answers', () => this.#reply)) as Reply;
  }

  private async read(stream: NodeJS.ReadableStream): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      this.#output = `${this.#output}${line}\n`.slice(-4000);
      this.onLine(line);
      if (line.startsWith('{') && line.includes('"listening"')) this.#url = JSON.parse(line).url;
    }
  }
}
