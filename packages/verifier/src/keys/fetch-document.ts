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
  /** `status` is present if the server's answer arrived whole. */
  | { readonly ok: false; readonly reason: string; readonly status?: number }

/** A JWK set is at most four levels deep, and metadata fewer. */
const MAX_DEPTH = 8

/**
 * One GET for a JSON document, limited in time and size. Redirects are refused, because only the operator decides where
 * keys come from. Never rejects.
 * @param etag of the copy that the caller has. The answer may then be that it has not changed.
 */
export async function fetchDocument(
  url: string,
  { timeoutMs, maxBytes }: FetchLimits,
  runtime: Runtime,
  etag?: string | null,
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
