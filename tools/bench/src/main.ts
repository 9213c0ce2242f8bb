import { count } from '@heirloom/harness/count'
import { Command } from 'commander'
import { benchFamilies } from './families.ts'
import { benchFleet } from './fleet.ts'
import { benchFloods } from './floods.ts'
import { benchLogin } from './login.ts'
import { benchManySessions } from './many-sessions.ts'
import { benchMemory } from './memory.ts'
import { benchObservability } from './observability.ts'
import { benchProfile } from './profile.ts'
import { benchRefresh } from './refresh.ts'
import { benchVerify } from './verify.ts'
import { benchStorage } from './storage.ts'

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
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchLogin)
program
  .command('profile')
  .description('where the CPU of one refresh, and of one login, goes')
  .option('--refreshes <n>', 'refreshes in a measurement', count, 10_000)
  .option('--logins <n>', 'logins in a measurement', count, 200)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchProfile)
program
  .command('storage')
  .description('a row per refresh beside a row per session: rows, bytes, speed')
  .option('--sessions <n>', 'sessions', count, 1_000)
  .option('--refreshes <n>', 'refreshes of each; 1000 make a million', count, 100)
  .option('--only <store>', 'one store alone: row-per-refresh, heirloom or postgres')
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchStorage)
program
  .command('families')
  .description('what a session takes in each store')
  .option('--families <n>', 'sessions to open', count, 100_000)
  .action(benchFamilies)
program
  .command('sessions')
  .description('what a user with very many sessions costs, and a refresh of another user meanwhile')
  .option('--sessions <n>', 'sessions of that user', count, 100_000)
  .action(benchManySessions)
program
  .command('memory')
  .description('whether the auth server keeps anything of a refresh')
  .option('--sessions <n>', 'sessions', count, 1_000)
  .option('--refreshes <n>', 'refreshes of all of them', count, 200_000)
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchMemory)
program
  .command('observability')
  .description('what security events and metrics cost of a refresh')
  .option('--rounds <n>', 'each with two new servers', count, 12)
  .option('--refreshes <n>', 'requests in a turn of a server, with each load', count, 500)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchObservability)
program
  .command('verify')
  .description('the cost of checking a token, beside a bare route and what else there is on npm')
  .option('--rounds <n>', 'interleaved rounds', count, 12)
  .option('--requests <n>', 'to each service in a round of each load', count, 2_000)
  .option('--connections <n>', 'kept alive', count, 20)
  .option('--pipelining <n>', 'requests on their way on a connection', count, 10)
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchVerify)
program
  .command('fleet')
  .description('how often a fleet asks for the keys, on virtual time, beside the rules of jose and get-jwks')
  .option('--replicas <n>', 'resource services', count, 10_000)
  .option('--picture <file>', 'draws the result as SVG')
  .action(benchFleet)
program
  .command('floods')
  .description('what is left of a flood of each kind of request, and what an honest user beside it sees')
  .option('--seconds <n>', 'of each flood', count, 10)
  .option('--addresses <n>', 'beside the floods from one', count, 200)
  .option('--table <file>', 'writes the table as Markdown')
  .action(benchFloods)
await program.parseAsync()
