import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { until } from './until.js';

const eventSchema = z.object({
  event: z.enum(['waiting', 'holding', 'interrupted', 'stopped', 'refused']),
  url: z.string().optional(),
  postgresPid: z.number().optional(),
  notices: z.array(z.string()).optional(),
  message: z.string().optional(),
});
type ProcessEvent = z.infer<typeof eventSchema>;

export interface DataDirProcessOptions {
  readonly dataDir: string;
  readonly address: string;
  readonly postgres?: boolean;
  readonly sharedFolders?: readonly string[];
}

const running = new Set<DataDirProcess>();

/** A process of its own that holds a DATA_DIR: see hold-data-dir.mjs. It leads a process group, as in a terminal. */
export class DataDirProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #events: ProcessEvent[] = [];

  constructor(options: DataDirProcessOptions) {
    const script = join(import.meta.dirname, 'hold-data-dir.mjs');
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, JSON.stringify(options)], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.pid = this.#child.pid ?? 0;
    running.add(this);
    const lines = this.#child.stdout ? createInterface({ input: this.#child.stdout }) : [];
    void this.#collect(lines);
  }

  /** The first of these kinds that it says; rejects when it says none in time. */
  heard(...kinds: readonly ProcessEvent['event'][]): Promise<ProcessEvent> {
    const find = () => this.#events.find(({ event }) => kinds.includes(event));
    return until(`process ${this.pid} says ${kinds.join(' or ')}`, find, 60_000);
  }

  send(command: 'go' | 'stop'): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  /** As Ctrl-C does: the signal goes to all the processes of the group. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  async kill(): Promise<void> {
    running.delete(this);
    this.#child.kill('SIGKILL');
    await until(`process ${this.pid} ends`, () => this.#child.exitCode !== null || this.#child.signalCode !== null);
  }

  suspend(): void {
    this.#child.kill('SIGSTOP');
  }

  async #collect(lines: AsyncIterable<string> | Iterable<string>): Promise<void> {
    for await (const line of lines) this.#events.push(eventSchema.parse(JSON.parse(line)));
  }
}

/** For `afterEach`: what a failed test left. */
export async function killDataDirProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
}
