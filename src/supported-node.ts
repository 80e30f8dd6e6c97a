const oldestNode = 22;

/** The first question of every command; where the answer is no, it has been told and the exit code is 1. */
export function isSupportedNode(host: NodeJS.Process): boolean {
  if (Number.parseInt(host.versions.node, 10) >= oldestNode) return true;
  host.stderr.write(
    `Parley needs Node.js ${oldestNode} or newer, and this is ${host.version}: run it by "npm start" or "npm run cli", which bring one.\n`,
  );
  host.exitCode = 1;
  return false;
}
