/** After all tests: nothing of what global-setup.mjs started is left. */
export default async function stopServices() {
  await globalThis.stopTestServices?.();
}
