import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Credentials } from './engine/engine-context.ts'

/** Registers new accounts with random passwords. */
export async function registerUsers(authUrl: string, count: number): Promise<Credentials[]> {
  const users = Array.from({ length: count }, () => ({
    username: `load-${randomBytes(6).toString('hex')}`,
    password: randomBytes(18).toString('base64url'),
  }))
  await Promise.all(users.map((user) => register(authUrl, user)))
  return users
}

async function register(authUrl: string, user: Credentials): Promise<void> {
  for (;;) {
    const response = await fetch(`${authUrl}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(user),
    })
    if (response.status === 201) return
    const { error } = (await response.json().catch(() => ({}))) as { error?: string }
    if (error === 'registration_closed') {
      throw new Error('registration is closed: give an account with --user, and its password in LOAD_PASSWORD')
    }
    if (response.status !== 503)
      throw new Error(`the auth server answered a registration with ${response.status} ${error ?? ''}`)
    await sleep(1_000)
  }
}
