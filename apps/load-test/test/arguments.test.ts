import { expect, it } from 'vitest'
import {
  type LoadOptions,
  type RevocationOptions,
  type SharedTokenOptions,
  type TradeOffOptions,
  commandLine,
} from '../src/arguments.ts'

type Options = LoadOptions | TradeOffOptions | RevocationOptions | SharedTokenOptions

/** The parsed options, or the error message. */
async function parsed(line: string): Promise<Options | string> {
  let result: Options | string = ''
  const take = async (options: Options) => void (result = options)
  const program = commandLine({ run: take, tradeOff: take, revocation: take, sharedToken: take })
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeErr: (text) => void (result = text) })
  }
  await program.parseAsync(line.split(' ').filter(Boolean), { from: 'user' }).catch(() => undefined)
  return result
}

it('has a default for everything', async () => {
  expect(await parsed('')).toMatchObject({
    replicas: [4],
    authServers: 2,
    clients: 2_000,
    duration: 60_000,
    profile: 'sessions',
    maxErrorRate: 0.01,
    think: 2_000,
    report: 'load-report.html',
  })
})

it('reads times, lists, rates and shares', async () => {
  const line =
    '--replicas 1,2,16 --auth-servers 3 --clients 50 --duration 1.5m --profile chaos --think 250ms --engines 2 ' +
    '--max-error-rate 0.1% --max-p99 50ms --report x.html'
  expect(await parsed(line)).toMatchObject({
    replicas: [1, 2, 16],
    authServers: 3,
    clients: 50,
    duration: 90_000,
    profile: 'chaos',
    think: 250,
    engines: 2,
    maxErrorRate: 0.001,
    maxP99: 50,
    report: 'x.html',
  })
  expect(await parsed('--rate 500/s')).toMatchObject({ rate: 500 })
  expect(await parsed('shared-token --processes 3')).toMatchObject({ processes: 3, refreshes: 1_000, spread: 0 })
  expect(await parsed('trade-off --lifetimes 10s,1m --clients 5')).toMatchObject({
    lifetimes: [10_000, 60_000],
    clients: 5,
  })
})

it('shows its defaults as one would type them', () => {
  const ignore = async () => {}
  const program = commandLine({ run: ignore, tradeOff: ignore, revocation: ignore, sharedToken: ignore })
  const help = program.helpInformation() + program.commands[0]?.helpInformation()
  expect(help).toMatch(/default: 4\).*default: 60s\).*default: 2s\).*default: 10s,20s,40s\)/s)
})

it('accepts a running stack', async () => {
  const [api, auth] = ['http://127.0.0.1:4001', 'http://127.0.0.1:4000']
  expect(await parsed(`--target ${api} http://127.0.0.1:4002 --auth ${auth}`)).toMatchObject({
    target: [api, 'http://127.0.0.1:4002'],
    auth: [auth],
  })
  expect(await parsed('--target https://api.example:8443/x')).toMatchObject({ auth: ['https://api.example:4000'] })
})

it.each([
  ['--replicas 0', 'whole number'],
  ['--replicas 1,x', 'whole number'],
  ['--duration 60', '500ms, 60s'],
  ['--profile nap', 'browse'],
  ['--max-error-rate 2', 'share'],
  ['--max-error-rate=', 'share'],
  ['--rate -1', 'rate'],
  ['--auth http://127.0.0.1:1', '--auth needs --target'],
  ['--target nowhere --auth http://127.0.0.1:1', 'nowhere is not an http or https URL'],
  ['--target http://127.0.0.1:1 --auth http://127.0.0.1:1 --profile chaos', 'a stack of its own'],
  ['--target http://127.0.0.1:1 --auth http://127.0.0.1:1 --profile rolling', 'a stack of its own'],
  ['--target http://127.0.0.1:1 --auth http://127.0.0.1:1 --replicas 1,2', 'a stack of their own'],
  ['--picture x.svg', 'several numbers'],
  ['--login oauth', 'client-credentials'],
  ['--login code --client app', '--client, --redirect-uri and --resource need --target'],
  ['--target http://127.0.0.1:1 --login client-credentials', '--login client-credentials needs --client'],
  ['--target http://127.0.0.1:1 --login code --client app', '--login code needs --redirect-uri'],
  ['--nothing', 'unknown option'],
])('%s is refused with a clear message', async (line, expected) => {
  expect(await parsed(line)).toContain(expected)
})
