import type { Log } from './platform/log.js';
import { hasCode } from './platform/system-error.js';
import { watchShell } from './shell-parent.js';

/** SIGHUP is a terminal that was closed; Node.js ends at it at once, even under nohup. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The wish that this process stops: a signal, the end of the shell that was started for it, or a fault that nothing
 * caught. It is listened for from the first moment on, so that a stop in the middle of a start leaves nothing behind.
 * What comes after the first wish changes nothing: npm hands a Ctrl-C on to a program that the terminal has told
 * already, and to hurry would cut an answer short, or a database.
 */
export class StopRequest {
  readonly asked: Promise<void>;
  private resolve: () => void = () => undefined;
  private reason: string | null = null;
  private hasFault = false;
  private terminalLost = false;

  constructor(
    private readonly host: NodeJS.Process,
    private readonly log: Log,
  ) {
    this.asked = new Promise((resolve) => {
      this.resolve = resolve;
    });
    for (const signal of signals) {
      host.on(signal, () => {
        if (signal === 'SIGHUP' && host.stdout.isTTY) this.loseTerminal();
        this.ask(signal);
      });
    }
    void watchShell(host, () => this.ask('the end of the shell that started it'));
    for (const stream of [host.stdout, host.stderr]) stream.on('error', () => undefined);
    host.on('uncaughtException', (error) => this.fail(error));
    host.on('unhandledRejection', (reason) => this.fail(reason));
  }

  get isAsked(): boolean {
    return this.reason !== null || this.hasFault;
  }

  /** Everything is closed. In its exit hook pino tries for ever to write what a terminal that is gone did not take. */
  exit(): void {
    if (this.terminalLost) this.host.kill(this.host.pid, 'SIGKILL');
    this.host.exit(this.hasFault ? 1 : 0);
  }

  private loseTerminal(): void {
    this.terminalLost = true;
    this.log.level = 'silent';
  }

  private ask(reason: string): void {
    if (this.isAsked) return;
    this.reason = reason;
    this.log.info({ reason }, 'stopping');
    this.resolve();
  }

  /** Told once: those that follow are its consequences. What is going on cannot be trusted, so it is brought to an end. */
  fail(error: unknown): void {
    if (hasCode(error, 'EIO') && error instanceof Error && 'syscall' in error && error.syscall === 'write') {
      this.loseTerminal();
      this.ask('SIGHUP');
      return;
    }
    if (this.hasFault) return;
    this.hasFault = true;
    this.resolve();
    this.log.fatal({ error }, 'a fault that nothing caught, stopping');
  }
}
