import { availableParallelism } from 'node:os'
import { count } from '@heirloom/harness/count'
import { Command, Option } from 'commander'
import { LOGIN_WAYS, type LoginWay } from './engine/login.ts'
import { PROFILES, PROFILE_NAMES, type ProfileName } from './profiles.ts'
import { duration, list, rate, share } from './units.ts'

export interface LoadOptions {
  /** Several numbers give the curve over them. */
  replicas: number[]
  authServers: number
  clients: number
  /** Milliseconds. In a curve, for each number of replicas. */
  duration: number
  profile: ProfileName
  /** Open model: requests per second, whether or not answers come. */
  rate?: number
  /** Closed model: mean milliseconds between two requests of a client. 0: as fast as answers come. */
  think: number
  /** Threads that generate the load. */
  engines: number
  /** Resource services that are running. Without them the command starts a stack. */
  target?: string[]
  /** The auth servers that these trust. */
  auth?: string[]
  /** An account there, if registration is closed. Its password is in LOAD_PASSWORD. */
  user?: string
  login: LoginWay
  /** The client there. Its secret, if it has one, is in LOAD_CLIENT_SECRET. */
  client?: string
  redirectUri?: string
  resource?: string
  report: string
  /** A file for the curve, as SVG. */
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
  /** A file for the chart, as SVG. */
  picture?: string
}

export interface RevocationOptions {
  verifiers: number
  threads: number
  /** Milliseconds, for polling and for waiting each. */
  duration: number
  /** Logouts per second. */
  rate: number
  light: boolean
  report: string
  /** A file for the histogram, as SVG. */
  picture?: string
}

export interface SharedTokenOptions {
  processes: number
  /** Of all processes together. */
  refreshes: number
  /** Milliseconds. */
  spread: number
  authServers: number
  report: string
}

interface Actions {
  run: (options: LoadOptions) => Promise<void>
  tradeOff: (options: TradeOffOptions) => Promise<void>
  revocation: (options: RevocationOptions) => Promise<void>
  sharedToken: (options: SharedTokenOptions) => Promise<void>
}

/** The command line. Commander reports wrong arguments in one line, with exit code 1. */
export function commandLine({ run, tradeOff, revocation, sharedToken }: Actions): Command {
  const program = new Command('load')
    .description('Sends realistic client traffic to many replicas, checks every answer, and writes a report.')
    .enablePositionalOptions()
    .addOption(
      typed(
        '--replicas <n,...>',
        'number of resource-api processes; several numbers, such as 1,2,4, measure each in turn',
        list(count),
        '4',
      ),
    )
    .option('--auth-servers <n>', 'number of auth-server processes', count, 2)
    .option('--clients <n>', 'number of clients, each with its own session', count, 2_000)
    .addOption(typed('--duration <time>', 'length of the load, without the start', duration, '60s'))
    .addOption(new Option('--profile <name>', 'how clients behave').choices(PROFILE_NAMES).default('sessions'))
    .option(
      '--rate <n/s>',
      'open model: requests arrive at this rate, whether or not answers come (per replica, if there are several numbers)',
      rate,
    )
    .addOption(typed('--think <time>', 'closed model: mean time between two requests of a client', duration, '2s'))
    .option(
      '--engines <n>',
      'number of threads that generate the load',
      count,
      Math.max(1, availableParallelism() >> 2),
    )
    .option('--target <url...>', 'use the resource services at these addresses instead of starting a stack')
    .option('--auth <url...>', `the auth servers that these trust (default: port ${AUTH_PORT} of the same host)`)
    .option('--user <name>', 'an account there, if registration is closed; set LOAD_PASSWORD to its password')
    .addOption(
      new Option('--login <way>', 'how clients log in: as users with a password or by the code flow, or as programs')
        .choices(LOGIN_WAYS)
        .default('password'),
    )
    .option('--client <id>', 'the client there; set LOAD_CLIENT_SECRET to its secret, if it has one')
    .option('--redirect-uri <uri>', 'with --login code: a redirect URI of that client; nothing has to listen there')
    .option('--resource <id>', 'the resource that tokens are for, if that client may ask for several')
    .option('--report <file>', 'write the report to this HTML file', 'load-report.html')
    .option('--picture <file>', 'write the curve to this SVG file')
    .addOption(typed('--max-error-rate <share>', 'exit with code 1 if a larger share of requests fails', share, '1%'))
    .option('--max-p99 <time>', 'exit with code 1 if the 99th percentile of calls is longer', duration)
    .action(async (options: LoadOptions, command: Command) => {
      const wrong = faultOf(options)
      if (wrong) return command.error(`error: ${wrong}`)
      const auth = options.auth ?? options.target?.slice(0, 1).map(authServerBeside)
      await run({ ...options, ...(auth && { auth }) })
    })
  program
    .command('trade-off')
    .description(
      'Measures what a fast logout costs the auth servers: with short access tokens, and with a status list, polled or waited for.',
    )
    .addOption(typed('--lifetimes <time,...>', 'lifetimes of access tokens', list(duration), '10s,20s,40s'))
    .option('--clients <n>', 'number of clients for each lifetime', count, 100)
    .option('--report <file>', 'write the report to this HTML file', 'load-report.html')
    .option('--picture <file>', 'write the chart to this SVG file')
    .action(tradeOff)
  program
    .command('revocation')
    .description('Measures how soon a logout reaches many verifiers that poll the status list, and that wait for it.')
    .option('--verifiers <n>', 'number of verifiers, each with a list and connections of its own', count, 100)
    .option('--threads <n>', 'number of threads that they share', count, 4)
    .addOption(typed('--duration <time>', 'how long sessions log out, for either way', duration, '30s'))
    .addOption(typed('--rate <n/s>', 'logouts per second', rate, '10/s'))
    .option('--light', 'verifiers share what they read and check no signature, for a thousand on one machine', false)
    .option('--report <file>', 'write the report to this HTML file', 'load-report.html')
    .option('--picture <file>', 'write the histogram to this SVG file')
    .action(revocation)
  program
    .command('shared-token')
    .description('Counts the logins that are needed if several processes of one client share a refresh token.')
    .option('--processes <n>', 'number of processes, which share one file', count, 8)
    .option('--refreshes <n>', 'refreshes of all processes together', count, 1_000)
    .addOption(typed('--spread <time>', 'how long after the token expired the last process notices', duration, '0s'))
    .option('--auth-servers <n>', 'number of auth-server processes, which they call in turn', count, 2)
    .option('--report <file>', 'write the report to this HTML file', 'load-report.html')
    .action(sharedToken)
  return program
}

/** An option whose default the help shows as one would type it. */
const typed = (flags: string, description: string, parse: (text: string) => unknown, text: string) =>
  new Option(flags, description).argParser(parse).default(parse(text), text)

/** The default port of an auth server. */
const AUTH_PORT = '4000'

function authServerBeside(target: string): string {
  const url = new URL(target)
  url.port = AUTH_PORT
  return url.origin
}

function faultOf(options: LoadOptions): string | undefined {
  const { target, auth, replicas, profile, picture, login, client, redirectUri, resource } = options
  if (auth && !target) return '--auth needs --target'
  if (!target && (client ?? redirectUri ?? resource) !== undefined)
    return '--client, --redirect-uri and --resource need --target: a stack of its own has a client for each --login'
  if (target && login !== 'password' && client === undefined) return `--login ${login} needs --client`
  if (target && login === 'code' && redirectUri === undefined) return '--login code needs --redirect-uri'
  for (const url of [...(target ?? []), ...(auth ?? [])]) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) return `${url} is not an http or https URL`
  }
  if (target && replicas.length > 1)
    return 'several numbers of --replicas need a stack of their own: leave out --target'
  if (target && PROFILES[profile].event !== null) {
    return `the profile ${profile} needs a stack of its own: leave out --target`
  }
  if (picture && replicas.length === 1) return '--picture draws the curve: give several numbers of --replicas'
  return undefined
}
