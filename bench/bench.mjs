// npm run bench -- <name>; see the help below.
import { parseArgs } from 'node:util';

const help = `npm run bench -- send     a question, from the request to its acknowledgement; beside a bare transaction
npm run bench -- page     the newest 50 messages over GraphQL; beside the same statement by pg alone
npm run bench -- follow   one answer to 1, 100 and 500 followers; beside a bare WebSocket server
npm run bench -- search   words of 100,000 messages; beside 20 messages read by their key

  --seconds <n>    how long each measurement takes (send, page, follow: 3)
  --rounds <n>     how often each is repeated, in turn with the others (send, page: 5; follow: 1; search: 60)
  --workers <n>    how many ask at a time (send, page: 32)
  --messages <n>   how many messages there are (page: 10,000; search: 100,000)
  --words <n>      how many words each has (search: 150)

It runs what was built. Each bench prints a floor, which does the least that could be done on the same machine in the same
run, and what Parley does as a multiple of it: absolute figures are the machine's, ratios are ours.
BENCH_FLAGS are flags of Node for the servers, e.g. BENCH_FLAGS="--cpu-prof --cpu-prof-dir=profiles".`;

const names = ['send', 'page', 'follow', 'search'];
const number = { type: 'string' };
let parsed;
try {
  parsed = parseArgs({
    allowPositionals: true,
    options: {
      ...{ seconds: number, rounds: number, workers: number, messages: number, words: number },
      help: { type: 'boolean', short: 'h' },
    },
  });
} catch (error) {
  stop(error.message);
}
const { values, positionals } = parsed;
const [name, ...others] = positionals;
const numbers = Object.entries(values).filter(([option]) => option !== 'help');
if (values.help) console.log(help);
else if (!names.includes(name) || others.length > 0) stop(`Name one of ${names.join(', ')}.`);
else if (!numbers.every(([, value]) => Number(value) >= 1)) stop('Each option takes a number from 1 on.');
else {
  const { bench } = await import(`./${name}.mjs`);
  await bench(Object.fromEntries(numbers.map(([option, value]) => [option, Number(value)])));
}

function stop(message) {
  console.error(`${message}\n\n${help}`);
  process.exit(1);
}
