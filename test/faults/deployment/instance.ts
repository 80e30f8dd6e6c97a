import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ServerProcess, type ServerProcessOptions } from '../../support/server-process.js';
import type { InstanceName } from '../history.js';
import { FaultyLine } from './faulty-line.js';

export interface InstanceOptions extends Pick<ServerProcessOptions, 'beside' | 'folder'> {
  readonly name: InstanceName;
  readonly postgresPort: number;
  readonly redisPort: number;
  /** Told when its process ends and nobody had ended it. */
  readonly onEndedByItself: (name: InstanceName) => void;
}

/** The three lines of an instance. */
export interface Lines {
  readonly clients: FaultyLine;
  readonly redis: FaultyLine;
  readonly postgres: FaultyLine;
}

/** One server as it was built, with a line to its clients, to PostgreSQL and to Redis; started again, it keeps its address. */
export class Instance {
  private process: ServerProcess | null = null;
  private ending = false;
  private clockOffsetMs = 0;

  private constructor(
    private readonly options: InstanceOptions,
    readonly lines: Lines,
    private readonly log: WriteStream,
  ) {}

  static async start(options: InstanceOptions): Promise<Instance> {
    const [clients, redis, postgres] = await Promise.all([
      FaultyLine.start(),
      FaultyLine.start(options.redisPort),
      FaultyLine.start(options.postgresPort),
    ]);
    const log = createWriteStream(join(options.folder, `instance-${options.name}.log`));
    const instance = new Instance(options, { clients, redis, postgres }, log);
    await instance.startAgain();
    return instance;
  }

  get name(): InstanceName {
    return this.options.name;
  }

  /** By way of its line, and the same for as long as the suite runs. */
  get url(): string {
    return `http://127.0.0.1:${this.lines.clients.port}`;
  }

  /** Tries until it is there: what it stands on may be away. */
  async startAgain(): Promise<void> {
    for (;;) {
      try {
        this.process = await this.spawn();
        break;
      } catch {
        await wait(300);
      }
    }
    this.ending = false;
    this.lines.clients.leadTo(Number(new URL(this.process.url).port));
    await this.moveClock(this.clockOffsetMs);
    this.watch(this.process);
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.process?.signal(name);
  }

  /** Resolves when it has ended. */
  async end(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.ending = true;
    this.process?.signal(name);
    await this.process?.ended();
  }

  async moveClock(clockOffsetMs: number): Promise<void> {
    this.clockOffsetMs = clockOffsetMs;
    if (!this.process?.hasEnded) await this.process?.ask({ clockOffsetMs }).catch(() => undefined);
  }

  /** What its process holds, by kind. */
  async resources(): Promise<ReadonlyMap<string, number>> {
    if (this.process?.hasEnded) return new Map();
    const held = (await this.process?.ask<string[]>('resources').catch(() => [])) ?? [];
    return new Map([...Map.groupBy(held, (kind) => kind)].map(([kind, all]) => [kind, all.length]));
  }

  async close(): Promise<void> {
    this.ending = true;
    await this.process?.kill();
    await Promise.all(Object.values(this.lines).map((line: FaultyLine) => line.close()));
    this.log.end();
  }

  private spawn(): Promise<ServerProcess> {
    const { beside, folder } = this.options;
    const env = { ...beside.env, DATABASE_URL: this.throughLine(beside.env.DATABASE_URL, this.lines.postgres) };
    return ServerProcess.start({
      ...{ beside, folder },
      env: { ...env, REDIS_URL: `redis://127.0.0.1:${this.lines.redis.port}` },
      preload: join(import.meta.dirname, '../under-faults.mjs'),
      onLine: (line) => this.log.write(`${line}\n`),
    });
  }

  private throughLine(address: string | undefined, line: FaultyLine): string {
    const url = new URL(address ?? '');
    url.port = String(line.port);
    return url.href;
  }

  private watch(process: ServerProcess): void {
    const look = async () => {
      while (!process.hasEnded) await wait(50, undefined, { ref: false });
      if (this.process !== process || this.ending) return;
      this.options.onEndedByItself(this.name);
      this.log.write(`It ended by itself: ${await process.ended()}\n`);
      await this.startAgain();
    };
    look().catch(() => undefined);
  }
}
