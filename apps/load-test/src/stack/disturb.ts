import { setTimeout as sleep } from 'node:timers/promises'
import { runAdmin } from '@heirloom/harness/services'
import type { LocalStack } from './local-stack.ts'

/** Between two restarts. */
const PAUSE_MS = 1_000

/**
 * Restarts every process in turn by SIGTERM, as a deploy does, and waits until it is ready. Ends when `signal` is aborted.
 *
 * @param isChaos whether every second process gets SIGKILL instead. The next round swaps the signals.
 */
export async function restartInTurn(
  stack: LocalStack,
  isChaos: boolean,
  signal: AbortSignal,
  onEvent: (what: string) => void,
): Promise<void> {
  const servers = [...stack.replicas, ...stack.authServers]
  for (let i = 0; !signal.aborted; i++) {
    const server = servers[i % servers.length]
    if (!server) return
    const round = Math.floor(i / servers.length)
    const how = isChaos && (i + round) % 2 ? 'SIGKILL' : 'SIGTERM'
    onEvent(`${server.name}: ${how}`)
    await server.restart(how)
    onEvent(`${server.name} is back`)
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** Creates the next signing key. Returns the milliseconds until it signs. */
export async function rotateKey(stack: LocalStack): Promise<number> {
  await runAdmin(stack.authEnv, 'key', 'rotate')
  return LEAD_SECONDS * 1000
}

/** The shortest lead that the auth server accepts: every service must have a key before it signs. */
const LEAD_SECONDS = 70

/** Settings of an auth server whose key will be rotated soon. */
export const ROTATION_SETTINGS = { SIGNING_KEY_LEAD_SECONDS: String(LEAD_SECONDS), JWKS_MAX_AGE_SECONDS: '30' }
