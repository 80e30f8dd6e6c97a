import { setTimeout as wait } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import { until } from '../../support/until.js';
import type { History } from '../history.js';
import type { Deployment } from './deployment.js';
import { anyName, type Fault, faults } from './faults.js';

/** A fault counts for little where nothing is being written. */
export const worthwhileAnswers = 5;
/** So long it is waited for as many. */
const patienceMs = 8000;

export interface NemesisOptions {
  readonly deployment: Deployment;
  readonly history: History;
  readonly random: SeededRandom;
  /** By the history's clock: all faults are over by then. */
  readonly untilMs: number;
  /** The faults to choose from; all of them where it is not given. */
  readonly only?: readonly string[];
  readonly onFault: (fault: string, where: string, answersRunning: number) => void;
}

/** Does one fault after the other, two at a time at most and never two to the same thing: round after round of them all. */
export class Nemesis {
  private plan: Fault[] = [];
  private readonly busy = new Set<string>();
  private readonly chosen: readonly Fault[];

  constructor(private readonly options: NemesisOptions) {
    const { only } = options;
    this.chosen = faults.filter(({ name }) => only === undefined || only.includes(name));
  }

  /** Resolves when everything is whole again. */
  async work(): Promise<void> {
    const { random } = this.options;
    await Promise.all([this.lane(random.fork(), [300, 2500]), this.lane(random.fork(), [3000, 9000])]);
    await this.options.deployment.settleLines();
  }

  private async lane(random: SeededRandom, [least, most]: readonly [number, number]): Promise<void> {
    while (this.leftMs > most) {
      await wait(random.between(least, most));
      await this.next(random);
    }
  }

  private get leftMs(): number {
    return this.options.untilMs - this.options.history.elapsedMs;
  }

  private async next(random: SeededRandom): Promise<void> {
    const { deployment } = this.options;
    const name = anyName(random);
    const placeOf = (fault: Fault) => (fault.on === 'instance' ? name : fault.on);
    const fault = this.take(random, (one) => !this.busy.has(placeOf(one)) && one.lasts[1] < this.leftMs);
    if (!fault) return;
    const place = placeOf(fault);
    this.busy.add(place);
    try {
      const enough = () => deployment.model.running >= worthwhileAnswers;
      await until('enough answers are being written', enough, patienceMs).catch(() => undefined);
      if (fault.lasts[1] < this.leftMs) await this.inflict(fault, name, random);
    } finally {
      this.busy.delete(place);
    }
  }

  /** The next in the plan that may happen now; where none may, of another round. */
  private take(random: SeededRandom, mayHappen: (fault: Fault) => boolean): Fault | null {
    if (!this.plan.some(mayHappen)) this.plan.push(...shuffled(random, this.chosen));
    const index = this.plan.findIndex(mayHappen);
    return index === -1 ? null : (this.plan.splice(index, 1)[0] ?? null);
  }

  private async inflict(fault: Fault, name: 'a' | 'b', random: SeededRandom): Promise<void> {
    const { deployment, history, onFault } = this.options;
    const instance = fault.on === 'instance' ? name : null;
    const event = { type: 'fault', fault: fault.name, instance } as const;
    const place = { deployment, instance: deployment.instances[name], random };
    const answersRunning = deployment.model.running;
    history.add({ ...event, phase: 'begin', answersRunning });
    onFault(fault.name, instance ?? fault.on, answersRunning);
    await fault.begin(place);
    const [least, most] = fault.lasts;
    await wait(random.between(least, most));
    await fault.end?.(place);
    history.add({ ...event, phase: 'end', answersRunning: deployment.model.running });
  }
}

function shuffled<T>(random: SeededRandom, all: readonly T[]): T[] {
  const left = [...all];
  return all.flatMap(() => left.splice(random.between(0, left.length - 1), 1));
}
