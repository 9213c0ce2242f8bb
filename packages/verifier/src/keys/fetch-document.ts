import { parseStrictJson } from '../strict-json.ts'
import type { Runtime } from './runtime.ts'

export interface FetchLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

export type Fetched =
  | {
      readonly ok: true
      readonly changed: true
      readonly document: unknown
      readonly etag: string | null
      readonly maxAgeSeconds: number | undefined
    }
  | { readonly ok: true; readonly changed: false; readonly maxAgeSeconds: number | undefined }
  /** `status` is there if the server answered whole. */
  | { readonly ok: false; readonly reason: string; readonly status?: number }

/** A JWK set is four deep at most; metadata are shallow. */
const MAX_DEPTH = 8

/**
 * One GET for a JSON document, within a time and a size, redirects refused: nobody but the operator says where keys come
 * from. Never rejects.
 * @param etag of the copy at hand: the answer may then be that it has not changed.
 */
export async function fetchDocument(
  url: string,
  { timeoutMs, maxBytes }: FetchLimits,
  runtime: Runtime,
  etag?: string | null,
): Promise<Fetched> {
  const abort = new AbortController()
  // fetch refuses it, and says so with the credentials.
  const { username, password } = new URL(url)
  if (username || password) return { ok: false, reason: 'the address holds credentials' }
  // Raced as well as aborted: not every fetch heeds a signal.
  return new Promise((resolve) => {
    const cancelTimer = runtime.setTimer(() => {
      resolve({ ok: false, reason: `no answer within ${timeoutMs} ms` })
      abort.abort()
    }, timeoutMs)
    void get(url, maxBytes, runtime, etag, abort).then(resolve).finally(cancelTimer)
  })
}

async function get(
  url: string,
  maxBytes: number,
  runtime: Runtime,
  etag: string | null | undefined,
  abort: AbortController,
): Promise<Fetched> {
  try {
    const response = await runtime.fetch(url, {
      redirect: 'manual',
      signal: abort.signal,
      headers: { accept: 'application/json', ...(etag ? { 'if-none-match': etag } : {}) },
    })
    const maxAgeSeconds = readMaxAge(response.headers.get('cache-control'))
    if (response.status === 304 && etag) return { ok: true, changed: false, maxAgeSeconds }
    if (response.status !== 200) {
      abort.abort()
      return { ok: false, reason: `status ${response.status}`, status: response.status }
    }
    const text = await readText(response, maxBytes)
    if (text === undefined) {
      abort.abort()
      return { ok: false, reason: `longer than ${maxBytes} bytes, or not UTF-8`, status: 200 }
    }
    const document = parseStrictJson(text, MAX_DEPTH)
    if (document === undefined) return { ok: false, reason: 'not strict JSON', status: 200 }
    return { ok: true, changed: true, document, etag: response.headers.get('etag'), maxAgeSeconds }
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
