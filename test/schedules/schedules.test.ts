import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { entities } from '../../src/entities.js';
import { Database } from '../../src/platform/database.js';
import { createLog } from '../../src/platform/log.js';
import { InProcessPubSub } from '../../src/platform/pubsub.js';
import { Instance } from '../integration/answers/instance.js';
import { SeededRandom } from '../support/seeded-random.js';
import { SqlClient } from '../support/sql-client.js';
import { createDatabase, type TestDatabase } from '../support/test-database.js';
import { testSeed } from '../support/test-seed.js';
import { BranchingStory } from './branching-story.js';
import { brokenInvariants } from './invariants.js';
import type { Stage } from './stage.js';
import { Story } from './story.js';

/** SCHEDULES says how many; TEST_SEED with which seed to begin, and with SCHEDULES=1 repeats one. */
const count = Number(process.env.SCHEDULES ?? 100);
/** Each takes longer. */
const branchingCount = Math.ceil(count / 4);
const firstSeed = testSeed();
/** They broke an invariant once, and are tried in every run. */
const brokeOnce = [1618393097];
const branchingBrokeOnce = [183];
/** The end of what happened is told with a failure. */
const toldSteps = Number(process.env.SCHEDULE_STEPS ?? 60);

let own: TestDatabase;
let database: Database;
let sql: SqlClient;
let plain: Instance;

beforeAll(async () => {
  own = await createDatabase();
  sql = await SqlClient.connect(own.url);
  const timeouts = { connectMs: 5000, statementMs: 20_000, lockMs: 10_000 };
  const options = { url: own.url, poolSize: 40, entities, applicationName: 'parley-tests', timeouts };
  database = await Database.connect(options, createLog('silent'));
  plain = Instance.over({ database, upkeep: database, pubsub: new InProcessPubSub() }, {});
});

afterAll(async () => {
  await sql.close();
  await database.close();
  await own.drop();
});

type Kind = new (random: SeededRandom, stage: Stage) => Story;

async function expectSound(kind: Kind, seed: number): Promise<void> {
  const broken = await tell(kind, seed);
  if (broken.length > 0) throw new Error(`With TEST_SEED=${seed} SCHEDULES=1:\n${broken.join('\n')}`);
}

async function tell(kind: Kind, seed: number): Promise<string[]> {
  const story = new kind(new SeededRandom(seed), { database, sql, plain });
  try {
    await story.play();
    const broken = await brokenInvariants(story, sql, await plain.keyring.of(story.ownerId));
    return broken.length > 0 ? [...broken, ...story.schedule.trace.slice(-toldSteps)] : [];
  } catch (error) {
    return [error instanceof Error ? `${error.stack}` : String(error), ...story.schedule.trace.slice(-toldSteps)];
  } finally {
    await story.close();
    plain.keyring.forget(story.ownerId);
  }
}

describe('Send, checkpoint, settle, cancel, sweep, follow, delete and drain at the same time', () => {
  it(
    `break no invariant in any of ${count} random schedules`,
    async () => {
      for (let number = 0; number < count; number += 1) await expectSound(Story, firstSeed + number);
      expect(count).toBeGreaterThan(0);
    },
    60_000 + count * 2000,
  );

  it.each(brokeOnce)('break none where they once did, with the seed %d', (seed) => expectSound(Story, seed));
});

describe('Edit, regenerate, append, select, erase, rate and follow all of it at the same time', () => {
  it(
    `break no invariant in any of ${branchingCount} random schedules`,
    async () => {
      for (let number = 0; number < branchingCount; number += 1) await expectSound(BranchingStory, firstSeed + number);
      expect(branchingCount).toBeGreaterThan(0);
    },
    60_000 + branchingCount * 4000,
  );

  it.each(branchingBrokeOnce)('break none where they once did, with the seed %d', (seed) =>
    expectSound(BranchingStory, seed),
  );
});
