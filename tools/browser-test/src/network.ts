import { once } from 'node:events'
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What happens to a request. Without anything, it is answered. */
export interface Fate {
  stallMs?: number
  /** When the answer may leave. */
  until?: Promise<void>
  /** Whether the connection breaks before the server sees the request, after it has answered, or within that answer. */
  lost?: 'before' | 'after' | 'within'
}

export interface Passed {
  method: string
  path: string
  fate: Fate
  /** Undefined if the server was not asked. */
  status?: number
  /** When the request came and when it was answered, in milliseconds since the process began. */
  at: number
  answeredAt?: number
  /** The number of the tab that sent it, if its page says so. */
  tab?: number
  /** The refresh tokens in the cookie that the browser sent, and in the one that the server set. */
  presented?: string
  cookie?: string
}

/** The way from the browser to the auth server. */
export interface Network {
  readonly url: string
  readonly passed: readonly Passed[]
  fate: (request: { method: string; path: string }) => Fate
  /** Whether connections are refused. */
  isCut: boolean
  /** Whether browsers send a preflight before each call. */
  forgetsPreflights: boolean
  leadTo(target: string): void
  close(): void
}

export async function startNetwork(): Promise<Network> {
  let target = ''
  const passed: Passed[] = []
  const server = await listen((incoming, answer) => void pass(incoming, answer).catch(() => answer.destroy()))
  const network: Network = {
    url: urlOf(server),
    passed,
    fate: () => ({}),
    isCut: false,
    forgetsPreflights: false,
    leadTo: (url: string) => void (target = url),
    close: () => close(server),
  }

  async function pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const [path = ''] = (incoming.url ?? '').split('?')
    const entry: Passed = { method: incoming.method ?? '', path, fate: {}, at: Math.round(performance.now()) }
    const [tab, presented] = [
      /[?&]tab=(\d+)/.exec(incoming.headers.referer ?? '')?.[1],
      tokenIn(incoming.headers.cookie),
    ]
    if (tab !== undefined) entry.tab = Number(tab)
    if (presented !== undefined) entry.presented = presented
    entry.fate = network.isCut ? { lost: 'before' } : network.fate(entry)
    passed.push(entry)
    if (entry.fate.lost === 'before') return void answer.destroy()
    const upstream = await forward(incoming, target)
    entry.status = upstream.statusCode ?? 0
    const token = tokenIn(upstream.headers['set-cookie']?.join())
    if (token !== undefined) entry.cookie = token
    if (entry.fate.stallMs) await sleep(entry.fate.stallMs)
    await entry.fate.until
    if (entry.fate.lost === 'after' || network.isCut) return void answer.destroy()
    entry.answeredAt = Math.round(performance.now())
    if (network.forgetsPreflights) upstream.headers['access-control-max-age'] = '0'
    answer.writeHead(entry.status, upstream.headers)
    // The browser takes the cookie from the headers.
    if (entry.fate.lost === 'within') return void answer.write(' ', () => answer.destroy())
    upstream.pipe(answer)
  }
  return network
}

const tokenIn = (cookie = '') => /__Host-[\w-]+=(hrt_[^;,]+)/.exec(cookie)?.[1]

/** Sends a request on. The answer has the connection's own headers, as a proxy would give them. */
export async function forward(incoming: IncomingMessage, target: string): Promise<IncomingMessage> {
  const upstream = request(new URL(incoming.url ?? '/', target), { method: incoming.method, headers: incoming.headers })
  incoming.pipe(upstream)
  const [answer] = (await once(upstream, 'response')) as [IncomingMessage]
  return answer
}

export async function listen(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port
const urlOf = (server: Server): string => `http://127.0.0.1:${portOf(server)}`

export function close(server: Server): void {
  server.closeAllConnections()
  server.close()
}
