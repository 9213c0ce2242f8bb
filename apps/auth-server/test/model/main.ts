import { Command } from 'commander'
import { type Explored, type Model, explore } from './explore.ts'
import { ROLLBACK_PROTOCOL, rollbackModel } from './rollback-model.ts'
import {
  PLANTED_IN_CODES,
  PLANTED_IN_FENCE,
  PLANTED_IN_REDEMPTION,
  PLANTED_IN_RESTORE,
  PLANTED_IN_ROLLBACK,
  PLANTED_IN_RULE,
} from './planted-faults.ts'
import { REDEMPTION, redemptionModel } from './redemption-model.ts'
import { RULE, ruleModel } from './rule-model.ts'
import { PROTOCOL, fenceModel } from './fence-model.ts'

const count = (text: string) => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a number of 1 or more`)
  return value
}

const { depth, faults } = new Command('model')
  .description('Explores every sequence of steps of a family and its stores, and checks the invariants in each state.')
  .option('--depth <n>', 'steps of a sequence', count, 13)
  .option('--faults <n>', 'faults of stores and servers in a sequence; with more than one, no promise holds', count, 1)
  .parse()
  .opts<{ depth: number; faults: number }>()

function run<State>(name: string, model: Model<State>): Explored {
  const result = explore(model, depth)
  const { states, transitions, ms, broken } = result
  const explored = `${states.toLocaleString('en')} states, ${transitions.toLocaleString('en')} steps, depth ${result.depth}, ${(ms / 1000).toFixed(1)} s`
  console.log(`${name}: ${explored}: ${broken ? broken.violation : 'every invariant holds'}`)
  return result
}

function report({ broken }: Explored, isPlanted: boolean): void {
  if (broken) for (const step of broken.trace) console.log(`    ${step}`)
  if ((broken !== null) !== isPlanted) process.exitCode = 1
}

report(run('the rule', ruleModel(RULE, faults)), false)
report(run('the rule, after an authorization code', ruleModel(RULE, faults, 'code')), false)
report(run('the redemption of a code by two servers', redemptionModel(REDEMPTION, faults)), false)
report(run('the fence around Redis', fenceModel(PROTOCOL, faults)), false)
report(run('the fence around a Redis that one server never reached', fenceModel(PROTOCOL, faults, true)), false)
report(run('a rollback of Postgres', rollbackModel(ROLLBACK_PROTOCOL)), false)
const RESTORE = { logouts: 1, failOvers: 2 }
report(run('a restore by the servers', rollbackModel({ ...ROLLBACK_PROTOCOL, restores: true }, RESTORE)), false)
console.log('\nPlanted, to be found:')
for (const { name, rule } of PLANTED_IN_RULE) report(run(name, ruleModel(rule, faults)), true)
for (const { name, rule } of PLANTED_IN_CODES) report(run(name, ruleModel(rule, faults, 'code')), true)
for (const { name, protocol } of PLANTED_IN_REDEMPTION) report(run(name, redemptionModel(protocol, faults)), true)
for (const { name, protocol, isMisconfigured } of PLANTED_IN_FENCE)
  report(run(name, fenceModel(protocol, faults, isMisconfigured)), true)
for (const { name, protocol } of PLANTED_IN_ROLLBACK) report(run(name, rollbackModel(protocol)), true)
for (const { name, protocol } of PLANTED_IN_RESTORE) report(run(name, rollbackModel(protocol, RESTORE)), true)
