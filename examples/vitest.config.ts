import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** `npm run recipes`: all of them, also those of Debian's packages, which are installed where they are missing. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['examples/test/**/*.{test,check}.ts'],
    globalSetup: ['../scripts/test/global-setup.ts', './test/debian/install.ts'].map((file) =>
      fileURLToPath(new URL(file, import.meta.url)),
    ),
    // Each starts an auth server of its own.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
