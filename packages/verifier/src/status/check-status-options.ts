import { isHttpUrl } from '../is-http-url.ts'
import type { StatusOptions } from './status-lists.ts'

const MODES: readonly unknown[] = ['off', 'open', 'closed']

/** @throws TypeError for options that cannot work. */
export function checkStatusOptions(options: StatusOptions, timeoutMs = 5_000) {
  const { mode = 'open', maxStaleSeconds = 300, waitSeconds = 0, baseUrl, allow = [], maxLists = 16 } = options
  if (!MODES.includes(mode)) throw new TypeError('status.mode must be off, open or closed.')
  if (!(maxStaleSeconds > 0)) throw new TypeError('status.maxStaleSeconds must be more than 0.')
  if (!Number.isInteger(waitSeconds) || waitSeconds < 0)
    throw new TypeError('status.waitSeconds must be whole seconds.')
  if (waitSeconds > 0 && maxStaleSeconds <= waitSeconds + timeoutMs / 1000) {
    throw new TypeError('status.maxStaleSeconds must be more than waitSeconds and timeoutMs together.')
  }
  if (!(maxLists > 0)) throw new TypeError('status.maxLists must be more than 0.')
  if (baseUrl !== undefined && !isHttpUrl(baseUrl)) throw new TypeError('status.baseUrl must be an http or https URL.')
  if (!allow.every(isHttpUrl)) throw new TypeError('status.allow must be http or https URLs.')
}
