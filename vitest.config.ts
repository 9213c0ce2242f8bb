import { configDefaults, defineConfig } from 'vitest/config'

const INCLUDE = ['{apps,packages,tools}/*/test/**/*', '{examples,scripts}/test/**/*']
const named = (end: string) => INCLUDE.map((pattern) => `${pattern}${end}`)

/** The end of a file's name says which project it belongs to: `.test.ts`, `.int.test.ts` or `.slow.test.ts`. */
export default defineConfig({
  test: {
    // Half an hour from UTC, and on the other side of it than the Postgres of the run.
    env: { TZ: 'Pacific/Marquesas' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: named('.test.ts'),
          exclude: [...configDefaults.exclude, ...named('.{int,slow}.test.ts')],
          setupFiles: 'scripts/test/unit-setup.ts',
        },
      },
      {
        extends: true,
        test: { name: 'integration', include: named('.int.test.ts'), globalSetup: 'scripts/test/global-setup.ts' },
      },
      {
        extends: true,
        test: { name: 'slow', include: named('.slow.test.ts'), globalSetup: 'scripts/test/global-setup.ts' },
      },
    ],
  },
})
