// A server in a process of its own, started by rig.mjs: `parley`, or the floor of the bench of that name.
import { built } from './rig.mjs';

const [name] = process.argv.slice(2);
const statements = [];
const { url, stop } = name === 'parley' ? await serveParley() : await (await import(`./${name}.mjs`)).serveFloor();

async function serveParley() {
  const { createApp } = await built('app.js');
  const { loadConfig } = await built('config.js');
  const { createLog } = await built('platform/log.js');
  const app = await createApp(loadConfig(process.env), {
    log: createLog('error'),
    onStatement: (statement) => statements.push(statement),
  });
  return { url: (await app.listen()).url, stop: () => app.stop() };
}

// Whoever started it is gone.
process.on('disconnect', () => process.exit(1));
process.on('message', async (question) => {
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send((user + system) / 1000);
  } else if (question === 'statements') process.send(statements.splice(0));
  else {
    await stop();
    process.exit(0);
  }
});
process.send({ url });
