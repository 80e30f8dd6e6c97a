// What it costs to follow: one answer, 50 pieces a second, to 1, 100 and 500 followers, each on a socket of its own.
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import { WebSocket, WebSocketServer } from 'ws';
import { ask, printMachine, printTable, startRig } from './rig.mjs';

const everyMs = 20;
const crowds = [1, 100, 500];
const send = 'mutation { sendMessage(input: { content: "Go on." }) { answer { id } } }';
const query = 'subscription ($id: ID!) { answer(messageId: $id) { ... on AnswerDelta { offset text cursor } } }';
const now = () => performance.timeOrigin + performance.now();

export async function bench({ seconds = 3, rounds = 1 }) {
  printMachine();
  const model = await startModel();
  const rig = await startRig({
    durable: false,
    env: {
      ...{ OPENAI_BASE_URL: `${model.url}/v1`, DEFAULT_MODEL: 'bench' },
      LIMITS: JSON.stringify({ socketsPerOwner: 10_000 }),
    },
  });
  try {
    const [parley, floor] = [await rig.serve('parley'), await rig.serve('follow')];
    const token = await rig.token('ada');
    for (const count of crowds) {
      const variants = { 'floor: a bare ws server': floor, 'an answer over GraphQL': parley };
      const results = {};
      for (let round = 0; round < rounds; round += 1) {
        for (const [name, server] of Object.entries(variants)) {
          const id = server === parley ? (await ask(parley.url, token, send)).sendMessage.answer.id : 'none';
          const result = await follow({ server, token, id, count, seconds });
          results[name] = better(results[name], result);
          model.finish();
        }
      }
      console.log(`\n${count} follower${count === 1 ? '' : 's'}, a piece every ${everyMs} ms`);
      printTable(results);
    }
  } finally {
    model.finish();
    await rig.stop();
    model.stop();
  }
}

/** Of several rounds the one that was least disturbed. */
const better = (one, other) => (one && one.cpuMicros <= other.cpuMicros ? one : other);

/** Frames a second, how old the newest piece in each was when it came, and what a frame cost the server. */
async function follow({ server, token, id, count, seconds }) {
  const times = [];
  let [measuring, pieces] = [false, 0];
  const told = (text) => {
    if (!measuring) return;
    const said = text.trimEnd().split(' ');
    pieces += said.length;
    times.push(now() - Number(said.at(-1)));
  };
  const sockets = await Promise.all(Array.from({ length: count }, () => subscribe(server, token, id, told)));
  const before = await server.cpuMs();
  measuring = true;
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  measuring = false;
  const ms = performance.now() - startMs;
  const cpuMs = (await server.cpuMs()) - before;
  for (const socket of sockets) socket.terminate();
  const each = (pieces / times.length).toFixed(2);
  return {
    perSecond: (times.length * 1000) / ms,
    cpuMicros: (cpuMs * 1000) / times.length,
    times,
    'pieces a frame': each,
  };
}

/** A follower: resolves at its first event. */
function subscribe(server, token, id, told) {
  const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  const tell = (message) => socket.send(JSON.stringify(message));
  socket.on('open', () => tell({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code, reason) => reject(new Error(`closed: ${code} ${reason}`)));
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.type === 'connection_ack')
        tell({ id: '1', type: 'subscribe', payload: { query, variables: { id } } });
      if (message.type !== 'next') return;
      if (message.payload.data?.answer.text) told(message.payload.data.answer.text);
      resolve(socket);
    });
  });
}

/** Says the time, again and again, to all who ask, until `finish`. */
async function startModel() {
  const chunk = (delta, finish_reason = null) =>
    `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const running = new Set();
  const timer = setInterval(() => {
    const said = chunk({ content: `${now()} ` });
    for (const response of running) response.write(said);
  }, everyMs);
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'text/event-stream' }));
    running.add(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    finish() {
      for (const response of running) response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
      running.clear();
    },
    stop() {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Bare ws: makes one frame of each piece and sends it to all. */
export async function serveFloor() {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, handleProtocols: ([first]) => first });
  const following = new Set();
  sockets.on('connection', (socket) => {
    socket.on('close', () => following.delete(socket));
    socket.on('message', (data) => {
      if (JSON.parse(data).type === 'connection_init') socket.send('{"type":"connection_ack"}');
      else following.add(socket);
    });
  });
  let offset = 0;
  const timer = setInterval(() => {
    const text = `${now()} `;
    const answer = { offset, text, cursor: 'AXDv9QUdwVoDWzNdAXDv9QUdwVoDWzNd' };
    const frame = JSON.stringify({ id: '1', type: 'next', payload: { data: { answer } } });
    offset += text.length;
    for (const socket of following) socket.send(frame);
  }, everyMs);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    clearInterval(timer);
    for (const socket of following) socket.terminate();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}
