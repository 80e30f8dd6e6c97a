import { afterEach, beforeEach, describe, it } from '@jest/globals';
import { startApp, type TestApp } from '../../support/app.js';
import { create } from '../../support/conversations.js';
import { type RedisServer, startRedisServer } from '../../support/redis-server.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';
import { ConversationDevice } from './conversation-device.js';
import { ListDevice } from './list-device.js';

let folder: TemporaryFolder;
let redis: RedisServer;
let one: TestApp;
let other: TestApp;

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  redis = await startRedisServer({ folder: folder.path });
  one = await startApp({ env: { REDIS_URL: redis.url } });
  other = await startApp({ beside: one });
});
afterEach(async () => {
  await other?.close();
  await one?.close();
  await redis?.stop();
  await folder?.remove();
});

/** Well before PostgreSQL is asked anyway. */
const soonMs = 7000;

const rename =
  'mutation ($id: ID!, $title: String) { updateConversation(input: { id: $id, title: $title }) { conversation { id } } }';

describe('Without Redis', () => {
  it.each([
    { what: 'is gone', signal: 'SIGKILL' },
    // Connections stand, and nothing comes over them.
    { what: 'is silent', signal: 'SIGSTOP' },
  ] as const)(
    'that $what, another instance hears of a change soon, in the conversation and in the list',
    async ({ signal }) => {
      const ada = one.person('ada');
      const id = await create(ada);
      const device = ConversationDevice.follow(other.person('ada'), id);
      const list = ListDevice.follow(other.person('ada'));
      await device.until(() => device.kinds.length > 0);
      await list.until(() => list.isReady);
      redis.signal(signal);
      await ada.data(rename, { id, title: 'Renamed' });
      const heard = () => device.title === 'Renamed' && list.titles.get(id) === 'Renamed';
      await until('both hear of it', heard, soonMs);
      await device.leave();
      await list.leave();
    },
  );
});
