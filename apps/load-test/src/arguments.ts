import { availableParallelism } from 'node:os'
import { count } from '@heirloom/harness/count'
import { Command, Option } from 'commander'
import { PROFILES, PROFILE_NAMES, type ProfileName } from './profiles.ts'
import { duration, list, rate, share } from './units.ts'

export interface LoadOptions {
  /** More than one: the curve over them. */
  replicas: number[]
  authServers: number
  clients: number
  /** Milliseconds; of each number of replicas, for the curve. */
  duration: number
  profile: ProfileName
  /** The open model: requests per second, whether or not answers come. */
  rate?: number
  /** The closed model: milliseconds that a client takes between two requests, on average. 0: as fast as answers come. */
  think: number
  /** Threads that make the load. */
  engines: number
  /** Resource services that run already; else a stack is started. */
  target?: string[]
  /** The auth servers that go with them. */
  auth?: string[]
  /** Of that auth server, where nobody may register; the password is in LOAD_PASSWORD. */
  user?: string
  report: string
  /** The curve as an SVG. */
  picture?: string
  maxErrorRate: number
  /** Milliseconds. */
  maxP99?: number
}

export interface TradeOffOptions {
  /** Milliseconds. */
  lifetimes: number[]
  clients: number
  report: string
  /** As an SVG. */
  picture?: string
}

interface Actions {
  run: (options: LoadOptions) => Promise<void>
  tradeOff: (options: TradeOffOptions) => Promise<void>
}

/** The command line. What is wrong with it is told by commander, in one line, with exit code 1. */
export function commandLine({ run, tradeOff }: Actions): Command {
  const program = new Command('load')
    .description('Drives many replicas with clients that behave as real ones, and draws what it saw.')
    .enablePositionalOptions()
    .addOption(
      typed('--replicas <n,...>', 'resource-api processes; several numbers give the curve over them', list(count), '4'),
    )
    .option('--auth-servers <n>', 'auth-server processes', count, 2)
    .option('--clients <n>', 'each with a session of its own', count, 2_000)
    .addOption(typed('--duration <time>', 'of the load, without the start', duration, '60s'))
    .addOption(new Option('--profile <name>', 'how clients behave').choices(PROFILE_NAMES).default('sessions'))
    .option(
      '--rate <n/s>',
      'open model: requests arrive at this rate, whether or not answers come; in a curve, at each replica',
      rate,
    )
    .addOption(
      typed('--think <time>', 'closed model: time between two requests of a client, on average', duration, '2s'),
    )
    .option('--engines <n>', 'threads that make the load', count, Math.max(1, availableParallelism() >> 2))
    .option('--target <url...>', 'drive the resource service that runs there')
    .option('--auth <url...>', `the auth server that goes with it (default: port ${AUTH_PORT} of the same host)`)
    .option('--user <name>', 'an account there, if it takes no new ones; its password is in LOAD_PASSWORD')
    .option('--report <file>', 'where the page with the result goes', 'load-report.html')
    .option('--picture <file>', 'where the curve goes as an SVG')
    .addOption(typed('--max-error-rate <share>', 'fail if more requests fail', share, '1%'))
    .option('--max-p99 <time>', 'fail if one request in a hundred takes longer', duration)
    .action(async (options: LoadOptions, command: Command) => {
      const wrong = faultOf(options)
      if (wrong) return command.error(`error: ${wrong}`)
      const auth = options.auth ?? options.target?.slice(0, 1).map(authServerBeside)
      await run({ ...options, ...(auth && { auth }) })
    })
  program
    .command('trade-off')
    .description(
      'measures what a lifetime of access tokens costs and buys: calls on the auth server, time until a logout works',
    )
    .addOption(typed('--lifetimes <time,...>', 'of access tokens, each measured', list(duration), '10s,20s,40s'))
    .option('--clients <n>', 'for each lifetime', count, 100)
    .option('--report <file>', 'where the page with the result goes', 'load-report.html')
    .option('--picture <file>', 'where the picture goes as an SVG')
    .action(tradeOff)
  return program
}

/** With a default that the help shows as it would be typed. */
const typed = (flags: string, description: string, parse: (text: string) => unknown, text: string) =>
  new Option(flags, description).argParser(parse).default(parse(text), text)

/** Where an auth server is by default. */
const AUTH_PORT = '4000'

function authServerBeside(target: string): string {
  const url = new URL(target)
  url.port = AUTH_PORT
  return url.origin
}

function faultOf({ target, auth, replicas, profile, picture }: LoadOptions): string | undefined {
  if (auth && !target) return '--auth goes with --target'
  for (const url of [...(target ?? []), ...(auth ?? [])]) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) return `${url} is not a URL of http or https`
  }
  if (target && replicas.length > 1) return 'the curve over replicas needs a stack of its own: leave out --target'
  if (target && PROFILES[profile].event !== null) {
    return `the profile ${profile} needs a stack of its own: leave out --target`
  }
  if (picture && replicas.length === 1) return '--picture draws the curve: name several numbers of --replicas'
  return undefined
}
