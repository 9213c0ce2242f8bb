import type { AuthMethod } from './realm.ts'

/** The client that a request says it is from, and by what. Nothing is proven yet. */
export interface PresentedClient {
  ok: true
  id: string
  /** Null with the method `none`. */
  secret: string | null
  method: AuthMethod
}

/** - `several`: more than one way at once (RFC 6749, section 2.3). `none`: no client, or a header that names none. */
type Nobody = { ok: false; fault: 'several' | 'none' }

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads how a client authenticates: by HTTP Basic, by `client_secret` in the form, or not at all (RFC 6749, section 2.3.1).
 * With Basic, the form may name the client once more.
 */
export function presentedClient(
  authorization: string | undefined,
  { client_id: id, client_secret: secret }: { client_id?: string; client_secret?: string },
): PresentedClient | Nobody {
  if (authorization !== undefined) {
    if (secret !== undefined) return { ok: false, fault: 'several' }
    const [, credentials] = BASIC.exec(authorization) ?? []
    const client = credentials === undefined ? null : readBasic(credentials)
    if (!client) return { ok: false, fault: 'none' }
    if (id !== undefined && id !== client.id) return { ok: false, fault: 'several' }
    return { ok: true, ...client, method: 'client_secret_basic' }
  }
  if (id === undefined) return { ok: false, fault: 'none' }
  return secret === undefined
    ? { ok: true, id, secret: null, method: 'none' }
    : { ok: true, id, secret, method: 'client_secret_post' }
}

/** Each half is encoded as in a form, so that an id may hold a colon (RFC 6749, section 2.3.1). */
function readBasic(credentials: string): { id: string; secret: string } | null {
  try {
    const text = utf8.decode(Buffer.from(credentials, 'base64'))
    const end = text.indexOf(':')
    if (end < 1) return null
    return { id: decode(text.slice(0, end)), secret: decode(text.slice(end + 1)) }
  } catch {
    return null
  }
}

/** @throws if it is not UTF-8, or a `%` begins no byte. */
const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))
