import { isJson, readJson } from './body.ts'
import { within } from './within.ts'

/**
 * Whether a service says that the access token is of no use (RFC 6750, section 3.1). A browser may hide the header from
 * scripts of another origin; our services say the same in the body, which is waited for no longer than this.
 */
export async function isInvalidToken(response: Response, timeoutMs: number): Promise<boolean> {
  if (response.status !== 401) return false
  const challenge = response.headers.get('www-authenticate')
  if (challenge !== null) return /\berror="?invalid_token\b/.test(challenge)
  if (!isJson(response)) return false
  try {
    const body = await within(timeoutMs, (signal) => readJson(response.clone(), signal))
    return body?.['error'] === 'invalid_token'
  } catch {
    return false
  }
}
