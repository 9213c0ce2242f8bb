import type { Runtime } from './runtime.ts'

export interface FetchLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** In lower case. A 304 is an answer only if `if-none-match` is among them. */
export interface FetchHeaders {
  readonly accept: string
  readonly 'if-none-match'?: string
  readonly prefer?: string
}

export type Fetched =
  | {
      readonly ok: true
      /** Undefined if the copy of the caller is still the current one. */
      readonly text: string | undefined
      readonly etag: string | null
      readonly maxAgeSeconds: number | undefined
      /** The server waited for a change, as it was asked to (RFC 7240, sections 3 and 4.3). */
      readonly waited: boolean
    }
  /** `status` is present if the server's answer arrived whole. */
  | { readonly ok: false; readonly reason: string; readonly status?: number }

/**
 * One GET for a text in UTF-8, limited in time and size. Redirects are refused, because only the operator decides where
 * documents come from. Never rejects.
 */
export async function fetchText(
  url: string,
  headers: FetchHeaders,
  { timeoutMs, maxBytes }: FetchLimits,
  runtime: Runtime,
): Promise<Fetched> {
  const abort = new AbortController()
  // fetch refuses such a URL with a message that contains the credentials.
  const { username, password } = new URL(url)
  if (username || password) return { ok: false, reason: 'the address contains credentials' }
  // Raced as well as aborted, because not every `fetch` obeys a signal.
  return new Promise((resolve) => {
    const cancelTimer = runtime.setTimer(() => {
      resolve({ ok: false, reason: `no answer within ${timeoutMs} ms` })
      abort.abort()
    }, timeoutMs)
    void get(url, headers, maxBytes, runtime, abort).then(resolve).finally(cancelTimer)
  })
}

async function get(
  url: string,
  headers: FetchHeaders,
  maxBytes: number,
  runtime: Runtime,
  abort: AbortController,
): Promise<Fetched> {
  try {
    const response = await runtime.fetch(url, { redirect: 'manual', signal: abort.signal, headers: { ...headers } })
    const about = {
      etag: response.headers.get('etag'),
      maxAgeSeconds: readMaxAge(response.headers.get('cache-control')),
      waited: /(?:^|[\s,;])wait(?:$|[\s,;=])/i.test(response.headers.get('preference-applied') ?? ''),
    }
    if (response.status === 304 && headers['if-none-match']) return { ok: true, text: undefined, ...about }
    if (response.status !== 200) {
      abort.abort()
      return { ok: false, reason: `status ${response.status}`, status: response.status }
    }
    const text = await readText(response, maxBytes)
    if (text === undefined) {
      abort.abort()
      return { ok: false, reason: `longer than ${maxBytes} bytes, or not UTF-8`, status: 200 }
    }
    return { ok: true, text, ...about }
  } catch (error) {
    // fetch says only "fetch failed"; its cause names the refused connection or the unknown host.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { ok: false, reason: cause instanceof Error ? cause.message || cause.name : 'fetch failed' }
  }
}

async function readText(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    return undefined
  }
}

function readMaxAge(cacheControl: string | null): number | undefined {
  const digits = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}
