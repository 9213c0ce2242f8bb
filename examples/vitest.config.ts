import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** `npm run recipes` runs all recipes. It installs missing Debian packages. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['examples/test/**/*.{test,check}.ts'],
    globalSetup: ['../scripts/test/global-setup.ts', './test/debian/install.ts'].map((file) =>
      fileURLToPath(new URL(file, import.meta.url)),
    ),
    // Each test file starts its own auth server.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
