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
  /** Aborted when no new fault is begun. */
  readonly stopping: AbortSignal;
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
    const { stopping } = this.options;
    while (!stopping.aborted) {
      await wait(random.between(least, most), undefined, { signal: stopping }).catch(() => undefined);
      if (!stopping.aborted) await this.next(random);
    }
  }

  private async next(random: SeededRandom): Promise<void> {
    const { deployment, stopping } = this.options;
    const name = anyName(random);
    const placeOf = (fault: Fault) => (fault.on === 'instance' ? name : fault.on);
    if (this.plan.every((fault) => this.busy.has(placeOf(fault)))) this.plan.push(...shuffled(random, this.chosen));
    const index = this.plan.findIndex((fault) => !this.busy.has(placeOf(fault)));
    const [fault] = index === -1 ? [] : this.plan.splice(index, 1);
    if (!fault) return;
    const place = placeOf(fault);
    this.busy.add(place);
    try {
      const enough = () => stopping.aborted || deployment.model.running >= worthwhileAnswers;
      await until('enough answers are being written', enough, patienceMs).catch(() => undefined);
      if (!stopping.aborted) await this.inflict(fault, name, random);
    } finally {
      this.busy.delete(place);
    }
  }

  private async inflict(fault: Fault, name: 'a' | 'b', random: SeededRandom): Promise<void> {
    const { deployment, history, onFault, stopping } = this.options;
    const instance = fault.on === 'instance' ? name : null;
    const event = { type: 'fault', fault: fault.name, instance } as const;
    const place = { deployment, instance: deployment.instances[name], random };
    const answersRunning = deployment.model.running;
    history.add({ ...event, phase: 'begin', answersRunning });
    onFault(fault.name, instance ?? fault.on, answersRunning);
    await fault.begin(place);
    const [least, most] = fault.lasts;
    await wait(random.between(least, most), undefined, { signal: stopping }).catch(() => undefined);
    await fault.end?.(place);
    history.add({ ...event, phase: 'end', answersRunning: deployment.model.running });
  }
}

function shuffled<T>(random: SeededRandom, all: readonly T[]): T[] {
  const left = [...all];
  return all.flatMap(() => left.splice(random.between(0, left.length - 1), 1));
}
