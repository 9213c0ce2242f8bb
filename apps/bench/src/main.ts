import { Command } from 'commander'
import { benchLogin } from './login.ts'
import { benchRefresh } from './refresh.ts'

const count = (text: string) => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a number of 1 or more`)
  return value
}

const program = new Command('bench').description('Benchmarks that print ratios within one run.')
program
  .command('refresh')
  .description('the cost of a refresh beside one signature, and beside oidc-provider')
  .option('--rounds <n>', 'interleaved rounds', count, 5)
  .option('--refreshes <n>', 'refreshes a round and server', count, 4_000)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchRefresh)
program
  .command('login')
  .description('the cost of a login, and what a flood of logins leaves of the refreshes')
  .option('--rounds <n>', 'interleaved rounds', count, 3)
  .option('--refreshes <n>', 'refreshes a round', count, 3_000)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchLogin)
await program.parseAsync()
