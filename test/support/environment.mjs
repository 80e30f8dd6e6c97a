import { ChildProcess } from 'node:child_process';
import { Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

const graceMs = 3000;

// A worker that has ended would still give back each page of its memory, which can take longer than Jest waits for it.
process.once('exit', () => process.exit());

/**
 * Node's environment, in which a test file fails that leaves something running after its last hook: a socket, a server,
 * a child process, a timer. What is closing gets a moment; what is left after that is named, and ended.
 */
export default class CleanEnvironment extends TestEnvironment {
  #before = new Set(process._getActiveHandles());
  #timers = new Set();

  async setup() {
    await super.setup();
    this.#watch('setTimeout');
    this.#watch('setInterval');
  }

  async teardown() {
    const left = await this.#leftRunning();
    await super.teardown();
    if (left.length === 0) return;
    const names = left.map(describe).join(', ');
    for (const one of left) end(one);
    throw new Error(`This file left something running: ${names}. Close it in an afterEach or afterAll.`);
  }

  #watch(name) {
    const make = this.global[name];
    const watched = (...args) => {
      const timer = make(...args);
      this.#timers.add(timer);
      if (this.#timers.size > 10_000) this.#timers = new Set([...this.#timers].filter(isSet));
      return timer;
    };
    // What promisify and others have put on it stays.
    this.global[name] = Object.defineProperties(watched, Object.getOwnPropertyDescriptors(make));
  }

  async #leftRunning() {
    const giveUpAtMs = performance.now() + graceMs;
    for (;;) {
      const handles = process._getActiveHandles().filter((handle) => !this.#before.has(handle));
      const left = [...handles, ...[...this.#timers].filter(isSet)];
      if (left.length === 0 || performance.now() > giveUpAtMs) return left;
      await wait(20);
    }
  }
}

const isSet = (timer) => !timer._destroyed && timer.hasRef();

function describe(left) {
  if (left instanceof ChildProcess) return `the process ${left.pid} (${left.spawnfile})`;
  if (left instanceof Server) return `a server on ${JSON.stringify(left.address())}`;
  if (left instanceof Socket) return `a socket to ${left.remoteAddress ?? 'nowhere'} ${left.remotePort ?? ''}`.trim();
  if (left._idleTimeout === undefined) return `a ${left.constructor.name}`;
  return `a timer of ${left._idleTimeout} ms (${String(left._onTimeout).replaceAll(/\s+/g, ' ').slice(0, 80)})`;
}

/** So that the other files run, and Jest ends. */
function end(left) {
  if (left instanceof ChildProcess) left.kill('SIGKILL');
  else if (left instanceof Server) left.close();
  else if (left instanceof Socket) left.destroy();
  else if (left._idleTimeout !== undefined) clearTimeout(left);
}
