import { copyFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.js';
import { until } from '../support/until.js';
import { checkHistory } from './checks/check-history.js';
import { Caller } from './clients/caller.js';
import { PersonAtWork } from './clients/person-at-work.js';
import type { World } from './clients/world.js';
import { Deployment } from './deployment/deployment.js';
import { Nemesis } from './deployment/nemesis.js';
import { History, type Timed } from './history.js';
import { watchLeases } from './lease-watch.js';
import { logLeftovers, lookAtRest } from './leftovers.js';
import { eventsOf } from './operations.js';
import { readBack } from './read-back.js';

export interface SeedOptions {
  readonly seed: number;
  /** Of all of it: the start, the faults, and {@link afterwardsMs} to become quiet, read back and judge. */
  readonly totalMs: number;
  readonly people: number;
  readonly only?: readonly string[];
  /** Keeps the history where everything was as it should, too. */
  readonly keep?: boolean;
  /** Told what happens, a line each. */
  readonly say: (line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  readonly events: readonly Timed[];
  readonly violations: readonly string[];
  /** Where the history and the logs of the instances are; null where it was not kept. */
  readonly folder: string | null;
}

/** Kept for what comes after the faults; it takes longer only where something is wrong. */
const afterwardsMs = 60_000;
const leastFaultsMs = 8000;
/** Lost answers are settled within 25 s, stalled models given up within 6 s, and the longest answer takes 26 s. */
const quietMs = 60_000;
/** The instances ask PostgreSQL for changes whose hints were lost every ten seconds. */
const hintsMs = 15_000;
const tabs = 2;
const pauseMs = 500;

/** One deployment under faults, from its start to the verdict. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { seed, say } = options;
  const history = new History();
  const deployment = await Deployment.start(history);
  try {
    const before = await lookAtRest(deployment);
    say(`seed ${seed}: both instances are up`);
    const broken = await workUnderFaults(options, deployment, history, before).then(() => [], brokenOff);
    // What was not read back cannot be judged.
    const violations = broken.length > 0 ? broken : checkHistory(history.events);
    const folder = violations.length > 0 || options.keep ? await keep(seed, history, deployment.folder) : null;
    return { seed, events: history.events, violations, folder };
  } finally {
    await deployment.close();
  }
}

const brokenOff = (error: unknown) => [`The run broke off: ${error instanceof Error ? error.message : String(error)}`];

async function workUnderFaults(
  options: SeedOptions,
  deployment: Deployment,
  history: History,
  before: ReadonlyMap<string, number>,
): Promise<void> {
  const { say } = options;
  const random = new SeededRandom(options.seed);
  const [stopping, leaving] = [new AbortController(), new AbortController()];
  const callers = { a: new Caller(deployment.instances.a.url), b: new Caller(deployment.instances.b.url) };
  const tokenOf = (person: string) => deployment.tokenOf(person);
  const world: World = {
    ...{ history, callers, tokenOf, erased: new Set<string>() },
    ...{ stopping: stopping.signal, leaving: leaving.signal },
  };
  const people = Array.from({ length: options.people }, (_, index) => {
    return new PersonAtWork(world, `p${index + 1}`, random.fork(), pauseMs);
  });
  const leases = watchLeases(deployment, history, leaving.signal);
  const working = Promise.all(people.map((person) => person.work(tabs)));
  try {
    await inflictFaults(options, deployment, history, random.fork());
    say(`${seconds(history)} everything is whole again`);
  } catch (error) {
    // Nobody follows anything any more: the process could not end.
    leaving.abort();
    throw error;
  } finally {
    stopping.abort();
    await working;
  }
  const left = Promise.all(people.map((person) => person.left()));
  try {
    await untilQuiet(deployment).catch(() => say(`${seconds(history)} answers are still being written`));
    await readBack({ deployment, history, callers, people: people.map(({ name }) => name) });
    await untilTold(people, history);
  } finally {
    leaving.abort();
    await Promise.all([left, leases]);
    for (const caller of Object.values(callers)) caller.close();
  }
  say(`${seconds(history)} everything is read back`);
  await logLeftovers(deployment, history, before);
}

async function inflictFaults(
  { totalMs, only, say }: SeedOptions,
  deployment: Deployment,
  history: History,
  random: SeededRandom,
): Promise<void> {
  const untilMs = Math.max(totalMs - afterwardsMs, history.elapsedMs + leastFaultsMs);
  const nemesis = new Nemesis({
    ...{ deployment, history, random, untilMs },
    ...(only && { only }),
    onFault: (fault, where, answers) => say(`${seconds(history)} ${fault} (${where}), ${answers} answers running`),
  });
  await nemesis.work();
}

/** Resolves when whoever follows something has been told all that there is; a hint may have been lost. */
async function untilTold(people: readonly PersonAtWork[], history: History): Promise<void> {
  const stored = new Map(eventsOf(history.events, 'stored').map((one) => [one.conversation, one]));
  const listed = new Map(eventsOf(history.events, 'listed').map((one) => [one.person, one.conversations]));
  const areTold = () => people.every((person) => person.isTold(stored, listed.get(person.name) ?? []));
  await until('all followers know what there is', areTold, hintsMs).catch(() => undefined);
}

const seconds = ({ elapsedMs }: History) => `${String(Math.round(elapsedMs / 1000)).padStart(4)} s`;

/** Resolves when no answer is written, and nothing that was deleted is left. */
async function untilQuiet({ postgres }: Deployment): Promise<void> {
  const text = `SELECT (SELECT count(*) FROM answer_runs)::integer AS runs,
    (SELECT count(*) FROM conversations WHERE deleted_at IS NOT NULL)::integer AS deleted`;
  const isQuiet = async () => {
    const [left] = (await postgres.ask<{ runs: number; deleted: number }>(text)) ?? [];
    return left?.runs === 0 && left.deleted === 0;
  };
  await until('no answer is being written', isQuiet, quietMs);
}

async function keep(seed: number, history: History, from: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `parley-faults-${seed}-`));
  await history.save(join(folder, 'history.jsonl'));
  for (const name of ['instance-a.log', 'instance-b.log']) {
    await copyFile(join(from, name), join(folder, name)).catch(() => undefined);
  }
  return folder;
}
