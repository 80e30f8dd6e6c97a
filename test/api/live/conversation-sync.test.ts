import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { fc } from '../../support/fast-check.js';
import { patience } from '../../support/patience.js';
import { loadRecipe } from '../../support/readme-recipe.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { ScriptedModel } from '../../support/scripted-model.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { testSeed } from '../../support/test-seed.js';
import { SyncRun, type SyncStage } from './sync-run.js';
import { scenario } from './sync-steps.js';

/** CONTRIBUTING.md names it. */
const runs = Number(process.env.SYNC_RUNS ?? 60);
/** Of so many runs one has its Redis killed on the way. */
const calmRuns = 10;
const lanes = 5;

let folder: TemporaryFolder;
let model: ScriptedModel;
const redises: RedisServer[] = [];
const apps: TestApp[] = [];
let calm: SyncStage;
let faulty: SyncStage;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  model = await ScriptedModel.start();
  calm = await startStage();
  faulty = await startStage();
});
afterAll(async () => {
  for (const app of apps.toReversed()) await app.close();
  for (const redis of redises) await redis.stop();
  await model?.stop();
  await folder?.remove();
});

async function startStage(): Promise<SyncStage> {
  let redis = await startRedisServer({ folder: folder.path });
  const port = Number(new URL(redis.url).port);
  redises.push(redis);
  const one = await startApp({ env: { ...model.env, REDIS_URL: redis.url, LIMITS: patience } });
  apps.push(one);
  const other = await startApp({ beside: one });
  apps.push(other);
  let isThere = true;
  const set = async (is: 'killed' | 'started') => {
    if (isThere === (is === 'started')) return;
    isThere = is === 'started';
    if (!isThere) return await redis.stop();
    redis = await startRedisServer({ folder: folder.path, port });
    redises.push(redis);
  };
  return { apps: [one, other], model, recipe: await loadRecipe(), redis: set };
}

/** So long what failed is made smaller; each try that fails takes its whole patience. */
const shrinkMs = 60_000;
let shrinkUntilMs = Number.POSITIVE_INFINITY;

const counts = new Map<string, number>();

/** Runs drawn at random, one after the other; what fails is made smaller, and told with its seed. */
async function runMany(stage: SyncStage, numRuns: number, seed: number, withFaults: boolean): Promise<void> {
  const property = fc.asyncProperty(scenario(withFaults), async ({ steps, endsDeleted }) => {
    if (performance.now() > shrinkUntilMs) return;
    const device = await SyncRun.run(stage, steps, endsDeleted).catch((error: unknown) => {
      shrinkUntilMs = Math.min(shrinkUntilMs, performance.now() + shrinkMs);
      throw error;
    });
    for (const [kind, count] of device.counts) counts.set(kind, (counts.get(kind) ?? 0) + count);
  });
  await fc.assert(property, { numRuns, seed });
}

describe('Conversation sync', () => {
  it(
    'a client that disconnects at random and resumes by cursor has, at the end, exactly what a fresh read gives',
    async () => {
      const seed = testSeed();
      const faultyRuns = Math.ceil(runs / calmRuns);
      const perLane = Math.ceil((runs - faultyRuns) / lanes);
      const works = Array.from({ length: lanes }, (_, lane) => runMany(calm, perLane, seed + lane, false));
      works.push(runMany(faulty, faultyRuns, seed + lanes, true));
      const failed = (await Promise.allSettled(works)).filter((one) => one.status === 'rejected');
      if (failed[0])
        throw new Error(
          `With TEST_SEED=${seed}: ${failed.map(({ reason }) => `${reason}\n${reason.cause}`).join('\n')}`,
        );
      // All that a client can be told was told.
      for (const kind of ['AnswerDelta', 'AnswerFinished', 'MessageChanged', 'ConversationChanged', 'branchChanged']) {
        expect([kind, (counts.get(kind) ?? 0) > runs / 4]).toEqual([kind, true]);
      }
    },
    runs * 2000 + 120_000,
  );
});
