import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './style.css';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { createFetcher } from './fetcher.js';
import { FillVariables } from './newest-ids.js';
import { firstOperations } from './operations.js';
import { takeTokenFromAddress } from './token.js';
import { TokenBar } from './token-bar.js';

takeTokenFromAddress();
// The printed address opened once more in the same tab changes only what stands behind '#': no reload.
addEventListener('hashchange', takeTokenFromAddress);

const fetcher = createFetcher();

const page = document.getElementById('page');
if (page) {
  createRoot(page).render(
    // What is asked here is private: it is kept for this browser tab, not for whoever uses the computer next.
    <GraphiQL
      fetcher={fetcher}
      storage={sessionStorage}
      defaultTabs={firstOperations}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    >
      <TokenBar />
      <FillVariables />
    </GraphiQL>,
  );
}
