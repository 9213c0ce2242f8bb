import { orAborted } from './or-aborted.ts'

/** Real answers are far smaller. */
const MAX_BYTES = 65_536

/**
 * The JSON object in a body. Null if it is another kind of JSON, undefined if it is not JSON or exceeds 64 KiB. The rest of the
 * body is cancelled.
 */
export async function readJson(
  response: Response,
  signal: AbortSignal,
): Promise<Record<string, unknown> | null | undefined> {
  const text = await readText(response, signal)
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null
  } catch {
    return undefined
  }
}

/** @returns an empty string if it is too long. */
async function readText(response: Response, signal: AbortSignal): Promise<string> {
  // React Native has no streams.
  if (!response.body) return response.text()
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  try {
    while (bytes <= MAX_BYTES) {
      const { done, value } = await orAborted(reader.read(), signal)
      if (done) return text
      bytes += value.length
      text += decoder.decode(value, { stream: true })
    }
    return ''
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

/** Cancels a body that is not read, which frees the connection. */
export const discard = (response: Response): void => void response.body?.cancel().catch(() => undefined)

export const isJson = (response: Response): boolean => /\bjson\b/i.test(response.headers.get('content-type') ?? '')

/** With `redirect: 'manual'` browsers hide a redirect behind this type. Other platforms show its status. */
export const isRedirect = ({ type, status }: Response): boolean =>
  type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status)
