import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { count } from '@heirloom/harness/count'
import { Command } from 'commander'
import { document } from './document.ts'
import { FAULTS } from './faults/index.ts'
import { type Outcome, isHeld, ofAllRuns } from './run-fault.ts'
import { type Skipped, runSuite } from './suite.ts'
import { details, inShort, table } from './table.ts'

interface Options {
  only: string
  servers: number
  sessions: number
  seconds: number
  times: number
  write?: string
  list?: true
}

const { only, servers, sessions, seconds, times, write, list } = new Command('test:faults')
  .description('Breaks stores, servers and the network under load, and checks every invariant.')
  .option('--only <words>', 'run only faults whose name contains this text', '')
  .option('--servers <n>', 'number of auth servers, at least 2', count, 3)
  .option('--sessions <n>', 'number of sessions that refresh all the time', count, 12)
  .option('--seconds <n>', 'how long each fault lasts', count, 5)
  .option('--times <n>', 'run everything this many times', count, 1)
  .option('--write <file>', 'write the table, with an explanation, to this Markdown file')
  .option('--list', 'print the names of the faults and exit')
  .parse()
  .opts<Options>()

const faults = FAULTS.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()))
if (faults.length === 0) {
  console.error(`No fault has "${only}" in its name. List the names with --list.`)
  process.exitCode = 1
} else if (list) {
  for (const { name } of faults) console.log(name)
} else {
  const runs: Outcome[][] = []
  let skipped: Skipped[] = []
  for (let run = 1; run <= times; run++) {
    if (times > 1) console.error(`\nRun ${run} of ${times}`)
    const report = await runSuite(faults, {
      servers,
      load: { steady: sessions, tabbed: 3, leaving: 2 },
      normalMs: 2_000,
      faultMs: seconds * 1_000,
      onBegin: (name) => console.error(`${name} ...`),
      onEnd: (outcome) => console.error(inShort(outcome)),
    })
    runs.push(report.outcomes)
    skipped = report.skipped
  }
  const outcomes = ofAllRuns(runs)
  console.log(`\n${table(outcomes)}`)
  for (const { name, obstacle } of skipped) console.log(`${name}: ${obstacle}`)
  for (const line of details(outcomes)) console.error(line)
  const cores = availableParallelism()
  if (write !== undefined)
    writeFileSync(write, document(outcomes, skipped, { servers, sessions, seconds, times, cores }))
  if (outcomes.length === 0 || !outcomes.every(isHeld)) process.exitCode = 1
}
