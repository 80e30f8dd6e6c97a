import { isSupportedNode } from './supported-node.js';

// What follows is loaded only then: an older Node.js may not even read it.
if (isSupportedNode(process)) {
  const { runProgram } = await import('./cli/program.js');
  await runProgram(process);
}
