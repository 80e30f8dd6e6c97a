import { defineConfig } from 'vite';

/** GraphiQL with all it needs, workers and fonts included: the page asks nobody but the server that it came from. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/graphiql/',
  publicDir: false,
  logLevel: 'warn',
  build: {
    // Where to is said by scripts/build.mjs.
    emptyOutDir: true,
    target: 'es2022',
    reportCompressedSize: false,
    // The editor is 3 MB in one piece; on a page for developers, splitting it would win nothing.
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use client" of the React packages means nothing in a page that no server renders.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
