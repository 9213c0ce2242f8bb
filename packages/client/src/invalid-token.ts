/**
 * Whether a service says that the access token is of no use (RFC 6750, section 3.1). A browser may hide the header from
 * scripts of another origin; our services say the same in the body.
 */
export async function isInvalidToken(response: Response): Promise<boolean> {
  if (response.status !== 401) return false
  const challenge = response.headers.get('www-authenticate')
  if (challenge !== null) return /\berror="?invalid_token\b/.test(challenge)
  try {
    return ((await response.clone().json()) as { error?: unknown } | null)?.error === 'invalid_token'
  } catch {
    return false
  }
}
