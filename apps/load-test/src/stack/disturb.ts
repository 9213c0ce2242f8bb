import { setTimeout as sleep } from 'node:timers/promises'
import { runAdmin } from '@heirloom/harness/services'
import type { LocalStack } from './local-stack.ts'

/** Long enough that one is well again before the next one falls. */
const PAUSE_MS = 1_000

/**
 * Restarts every process in turn, until told to stop, and waits for each until it is ready: by SIGTERM, as a deploy does.
 *
 * @param isChaos every second one by SIGKILL; in the next round the other way about.
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

/** Makes the next signing key. Answers the milliseconds until it signs. */
export async function rotateKey(stack: LocalStack): Promise<number> {
  await runAdmin(stack.authEnv, 'key', 'rotate')
  return LEAD_SECONDS * 1000
}

/** The shortest that the auth-server takes: a key has to be everywhere before it signs. */
const LEAD_SECONDS = 70

/** Of an auth-server whose key is to be rotated soon. */
export const ROTATION_SETTINGS = { SIGNING_KEY_LEAD_SECONDS: String(LEAD_SECONDS), JWKS_MAX_AGE_SECONDS: '30' }
