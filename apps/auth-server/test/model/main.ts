import { Command } from 'commander'
import { type Explored, type Model, explore } from './explore.ts'
import { HISTORY_PROTOCOL, historyModel } from './rollback-model.ts'
import { PLANTED_IN_HISTORY, PLANTED_IN_PROTOCOL, PLANTED_IN_RESTORE, PLANTED_IN_RULE } from './planted-faults.ts'
import { RULE, ruleModel } from './rule-model.ts'
import { PROTOCOL, trustModel } from './fence-model.ts'

const count = (text: string) => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a number of 1 or more`)
  return value
}

const { depth, faults } = new Command('model')
  .description('Explores every sequence of steps of a family and its stores, and checks the invariants in each state.')
  .option('--depth <n>', 'steps of a sequence', count, 13)
  .option('--faults <n>', 'faults of stores and servers in a sequence; more than one breaks what is promised', count, 1)
  .parse()
  .opts<{ depth: number; faults: number }>()

function run<State>(name: string, model: Model<State>): Explored {
  const result = explore(model, depth)
  const { states, transitions, ms, broken } = result
  const looked = `${states.toLocaleString('en')} states, ${transitions.toLocaleString('en')} steps, depth ${result.depth}, ${(ms / 1000).toFixed(1)} s`
  console.log(`${name}: ${looked}: ${broken ? broken.violation : 'every invariant holds'}`)
  return result
}

function report({ broken }: Explored, isPlanted: boolean): void {
  if (broken) for (const step of broken.trace) console.log(`    ${step}`)
  if ((broken !== null) !== isPlanted) process.exitCode = 1
}

report(run('the rule', ruleModel(RULE, faults)), false)
report(run('the trust in Redis', trustModel(PROTOCOL, faults)), false)
report(run('the trust in Redis, which one server never reached', trustModel(PROTOCOL, faults, true)), false)
report(run('the history of Postgres', historyModel(HISTORY_PROTOCOL)), false)
const RESTORE = { logouts: 1, failOvers: 2 }
report(run('a restore by the servers', historyModel({ ...HISTORY_PROTOCOL, restores: true }, RESTORE)), false)
console.log('\nPlanted, to be found:')
for (const { name, rule } of PLANTED_IN_RULE) report(run(name, ruleModel(rule, faults)), true)
for (const { name, protocol, isMisconfigured } of PLANTED_IN_PROTOCOL)
  report(run(name, trustModel(protocol, faults, isMisconfigured)), true)
for (const { name, protocol } of PLANTED_IN_HISTORY) report(run(name, historyModel(protocol)), true)
for (const { name, protocol } of PLANTED_IN_RESTORE) report(run(name, historyModel(protocol, RESTORE)), true)
