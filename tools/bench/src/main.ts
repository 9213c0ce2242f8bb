import { count } from '@heirloom/harness/count'
import { Command } from 'commander'
import { benchExchange } from './exchange.ts'
import { benchFamilies } from './families.ts'
import { benchFleet } from './fleet.ts'
import { benchFloods } from './floods.ts'
import { benchImport } from './import.ts'
import { benchLogin } from './login.ts'
import { benchLoginTime } from './login-time.ts'
import { benchManySessions } from './many-sessions.ts'
import { benchMemory } from './memory.ts'
import { benchObservability } from './observability.ts'
import { benchProfile } from './profile.ts'
import { benchRefresh } from './refresh.ts'
import { benchSharedToken } from './shared-token.ts'
import { benchStatus } from './status.ts'
import { benchUsers } from './users.ts'
import { benchVerify } from './verify.ts'
import { benchStorage } from './storage.ts'

const program = new Command('bench').description('Benchmarks. Each prints ratios that are made within one run.')
program
  .command('refresh')
  .description('Cost of a refresh, compared with one signature and with oidc-provider.')
  .option('--rounds <n>', 'number of interleaved rounds', count, 5)
  .option('--refreshes <n>', 'refreshes per round and server', count, 4_000)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .option('--only <text>', 'measure only the servers whose name contains this, such as RS256')
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchRefresh)
program
  .command('login')
  .description('Cost of a login, and how a flood of logins slows refreshes.')
  .option('--rounds <n>', 'number of interleaved rounds', count, 3)
  .option('--refreshes <n>', 'refreshes per round', count, 3_000)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchLogin)
program
  .command('exchange')
  .description('Cost of the exchange of a code, and of a refresh at either address.')
  .option('--rounds <n>', 'number of interleaved rounds', count, 12)
  .option('--requests <n>', 'requests of each kind per round', count, 1_000)
  .action(benchExchange)
program
  .command('profile')
  .description('Where the CPU time of a refresh and of a login goes.')
  .option('--refreshes <n>', 'refreshes per measurement', count, 10_000)
  .option('--logins <n>', 'logins per measurement', count, 200)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchProfile)
program
  .command('storage')
  .description('One row per refresh compared with one row per session: rows, bytes, speed.')
  .option('--sessions <n>', 'number of sessions', count, 1_000)
  .option('--refreshes <n>', 'refreshes per session', count, 100)
  .option('--only <store>', 'measure one store only: row-per-refresh, heirloom or postgres')
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchStorage)
program
  .command('families')
  .description('Space that a session takes in each store.')
  .option('--families <n>', 'number of sessions', count, 100_000)
  .action(benchFamilies)
program
  .command('users')
  .description('Time to find one of very many users by the calls of administration.')
  .option('--users <n>', 'number of users', count, 1_000_000)
  .option('--rounds <n>', 'how often each call is made', count, 200)
  .action(benchUsers)
program
  .command('sessions')
  .description('Cost of a user with very many sessions, and of a refresh by another user meanwhile.')
  .option('--sessions <n>', 'number of sessions of that user', count, 100_000)
  .action(benchManySessions)
program
  .command('status')
  .description('Size and cost of the status list, how soon it has a logout, and what it adds to a refresh.')
  .option('--sessions <n>', 'number of sessions', count, 1_000_000)
  .option('--seconds <n>', 'how long there are logouts', count, 60)
  .option('--logouts-per-second <n>', 'how many', count, 10)
  .option('--rounds <n>', 'number of rounds of refreshes, each with two new servers', count, 8)
  .option('--refreshes <n>', 'refreshes per turn and server', count, 500)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchStatus)
program
  .command('shared-token')
  .description('Logins that are needed when several processes share a refresh token, compared with other servers.')
  .option('--processes <n>', 'number of processes for each server', count, 8)
  .option('--refreshes <n>', 'refreshes of all processes of a server together', count, 1_000)
  .option('--spread-ms <n>', 'how long after the token expired the last process notices', Number, 0)
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchSharedToken)
program
  .command('memory')
  .description('Whether the memory of the auth server grows with refreshes.')
  .option('--sessions <n>', 'number of sessions', count, 1_000)
  .option('--refreshes <n>', 'refreshes of all sessions together', count, 200_000)
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchMemory)
program
  .command('observability')
  .description('Share of security events and metrics in the cost of a refresh.')
  .option('--rounds <n>', 'number of rounds, each with two new servers', count, 12)
  .option('--refreshes <n>', 'requests per turn, server and load', count, 500)
  .option('--connections <n>', 'sessions that refresh at the same time', count, 32)
  .action(benchObservability)
program
  .command('verify')
  .description('Cost of verifying a token, compared with a bare route and other npm packages.')
  .option('--rounds <n>', 'number of interleaved rounds', count, 12)
  .option('--requests <n>', 'requests per service, round and load', count, 2_000)
  .option('--connections <n>', 'number of keep-alive connections', count, 20)
  .option('--pipelining <n>', 'requests in flight per connection', count, 10)
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchVerify)
program
  .command('fleet')
  .description('How often a fleet fetches the keys, in simulated time, compared with jose and get-jwks.')
  .option('--replicas <n>', 'number of resource services', count, 10_000)
  .option('--picture <file>', 'write a chart to this SVG file')
  .action(benchFleet)
program
  .command('floods')
  .description('What a flood of each kind of request leaves behind, and what an honest user sees meanwhile.')
  .option('--seconds <n>', 'length of each flood', count, 10)
  .option('--addresses <n>', 'addresses of the floods that come from many', count, 200)
  .option('--only <text>', 'only the floods with this text in their name')
  .option('--table <file>', 'write the table to this Markdown file')
  .action(benchFloods)
program
  .command('import')
  .description('Time and memory of an import of users, and a login with each kind of hash.')
  .option('--users <n>', 'number of users', count, 100_000)
  .action(benchImport)
program
  .command('login-time')
  .description('Whether the time of a refused login tells if the user exists, or which kind of hash there is.')
  .option('--samples <n>', 'wrong passwords for each kind', count, 400)
  .option('--step-ms <n>', 'REFUSED_LOGIN_STEP_MS', Number, 500)
  .option('--at-once <n>', 'logins at the same time', count, 4)
  .action(benchLoginTime)
await program.parseAsync()
