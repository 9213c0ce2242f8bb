import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const INCLUDE = ['{apps,packages,tools}/*/test/**/*', '{examples,scripts}/test/**/*']
const named = (end: string) => INCLUDE.map((pattern) => `${pattern}${end}`)

/**
 * For tests that start processes: each takes a second of a core, and several times that on a busy machine. These limits end a
 * test that hangs, and assert no speed.
 */
const STARTS_PROCESSES = { globalSetup: 'scripts/test/global-setup.ts', testTimeout: 120_000, hookTimeout: 180_000 }

/** Slow files start first and short ones fill the end, so that no core waits for the last file. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ project }: TestSpecification) => project.name === 'slow'
    // oxlint-disable-next-line unicorn/no-array-sort -- Vitest's method, which returns a new list
    const sorted = await super.sort(files)
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))]
  }
}

/**
 * The end of a file's name chooses its project:
 * - `x.test.ts`: unit. Starts no process and no store, and needs no network beyond this machine.
 * - `x.int.test.ts`: integration. Starts stores or other processes.
 * - `x.slow.test.ts`: slow. Takes more than about ten seconds, even on a quiet machine.
 */
export default defineConfig({
  test: {
    // Half an hour from UTC, and on the other side of it than the Postgres of the run.
    env: { TZ: 'Pacific/Marquesas' },
    // Most files wait for a store, another process or an interval; Vitest would leave one core free.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: SlowFirst },
    // How long a test waits for what comes sooner or later. Vitest's own second is too short on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: named('.test.ts'),
          exclude: [...configDefaults.exclude, ...named('.{int,slow}.test.ts')],
          setupFiles: 'scripts/test/unit-setup.ts',
          testTimeout: 30_000,
          // No unit test leaves anything in its process: a fresh one for each file would take most of the time.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: named('.int.test.ts'),
          ...STARTS_PROCESSES,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: named('.slow.test.ts'),
          ...STARTS_PROCESSES,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
