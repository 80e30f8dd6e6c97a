import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from '../../support/until.js';

const root = join(import.meta.dirname, '../../..');
const runtimes = join(root, 'node_modules/.bin');

export interface ParleyProcessOptions {
  /** Over nothing: what the tests' own environment says does not count. */
  readonly env: NodeJS.ProcessEnv;
  /** A test's temporary folder: what is left of a killed test is found by it. */
  readonly folder: string;
  /** Modules that are loaded before the program, as `data:` or paths. */
  readonly preload?: string;
}

const running = new Set<ParleyProcess>();

/** A command as a person starts it: what was built, in a process group of its own, with all that it says. */
export class ParleyProcess {
  stdout = '';
  stderr = '';

  private constructor(private readonly child: ChildProcess) {
    running.add(this);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    child.stdin?.on('error', () => undefined);
  }

  /** `node dist/src/main.js`. */
  static serve(options: ParleyProcessOptions): ParleyProcess {
    return ParleyProcess.run([process.execPath, ...flags(options), join(root, 'dist/src/main.js')], options);
  }

  /** `node dist/src/cli.js …`; its standard input is at its end, unless `input` says what there is. */
  static cli(args: readonly string[], options: ParleyProcessOptions, input = ''): ParleyProcess {
    const program = join(root, 'dist/src/cli.js');
    const started = ParleyProcess.run([process.execPath, ...flags(options), program, ...args], options);
    started.child.stdin?.end(input);
    return started;
  }

  /** `npm start`. */
  static npmStart(options: ParleyProcessOptions): ParleyProcess {
    return ParleyProcess.run(['npm', 'start', '--', `${options.folder}/`], options);
  }

  /**
   * A command in a terminal of its own, without a shell that would have its own mind about signals: `type` is the
   * keyboard, and both streams are `stdout`.
   */
  static inTerminal(command: readonly string[], options: ParleyProcessOptions): ParleyProcess {
    const script =
      platform() === 'darwin'
        ? ['script', '-q', '/dev/null', ...command]
        : ['script', '-qefc', `exec ${command.map((word) => `'${word}'`).join(' ')}`, `${options.folder}/typescript`];
    return ParleyProcess.run(script, options);
  }

  private static run([program = '', ...args]: readonly string[], { env }: ParleyProcessOptions): ParleyProcess {
    const { HOME, PATH = '' } = process.env;
    const child = spawn(program, args, {
      cwd: root,
      env: { HOME, PATH: `${runtimes}${delimiter}${PATH}`, TERM: 'xterm', ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new ParleyProcess(child);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** As Ctrl-C in a terminal does: it goes to all of the group. */
  signalGroup(name: NodeJS.Signals): void {
    process.kill(-this.pid, name);
  }

  /** The first match in what it has said on either stream. */
  heard(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    const find = () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
    const probe = () => {
      const found = find();
      if (found || !this.hasEnded) return found;
      throw new Error(`It ended without saying ${pattern}: ${this.stdout}\n${this.stderr}`);
    };
    return until(`it says ${pattern}; it said ${this.stderr.slice(-500)}`, probe, timeoutMs);
  }

  /** The exit code, or the signal that ended it, once all that it said is here. */
  async ended(): Promise<number | string | null> {
    const closed = () => this.child.stdout?.closed === true && this.child.stderr?.closed === true;
    if (!this.hasEnded) await once(this.child, 'exit', { signal: AbortSignal.timeout(60_000) });
    await until('its streams are closed', closed);
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** The parts of its log, as far as it has been written. */
  log(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line));
  }

  async kill(): Promise<void> {
    running.delete(this);
    if (!this.hasEnded) this.signalGroup('SIGKILL');
    await this.ended();
  }
}

const flags = ({ folder, preload }: ParleyProcessOptions): string[] => [
  `--diagnostic-dir=${folder}/`,
  ...(preload === undefined ? [] : ['--import', preload]),
];

/** For `afterEach`: what a failed test left. */
export async function killParleyProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
}
