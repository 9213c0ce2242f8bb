import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{apps,packages,tools}/*/test/**/*.test.ts', '{examples,scripts}/test/**/*.test.ts'],
    globalSetup: 'scripts/test/global-setup.ts',
    // Half an hour from UTC, and on the other side of it than the Postgres of the run.
    env: { TZ: 'Pacific/Marquesas' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
