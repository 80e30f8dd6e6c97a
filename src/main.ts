import { isSupportedNode } from './supported-node.js';

// What follows is loaded only then: an older Node.js may not even read it.
if (isSupportedNode(process)) {
  const { serve } = await import('./serve.js');
  await serve(process);
}
