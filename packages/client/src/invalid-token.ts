import { isJson, readJson } from './body.ts'
import { within } from './within.ts'

/**
 * Whether a service refuses the access token as invalid (RFC 6750, section 3.1). Browsers may hide the header from scripts of
 * another origin. Our services repeat the code in the body, which is read for at most `timeoutMs`.
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
