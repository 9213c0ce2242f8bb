import type { Login } from './login.ts'
import type { Answer, Servers } from './servers.ts'

/** Posts a form to a call under /oauth2 as the client (RFC 6749, section 2.3.1). */
export function standardCall(
  auth: Servers,
  { clientId = '', secret, resource }: Login,
  path: '/oauth2/token' | '/oauth2/revoke',
  form: Record<string, string>,
  signal?: AbortSignal | null,
): Promise<Answer> {
  const own = {
    ...(secret === undefined && { client_id: clientId }),
    ...(resource !== undefined && path === '/oauth2/token' && { resource }),
  }
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(secret !== undefined && { authorization: `Basic ${btoa(`${encoded(clientId)}:${encoded(secret)}`)}` }),
  }
  return auth.send({ method: 'POST', path, headers, body: new URLSearchParams({ ...form, ...own }).toString() }, signal)
}

/** As in a form. */
const encoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
