// Log in, call a service, log out.
import { createClient } from '@heirloom/client'

export async function main(env: NodeJS.ProcessEnv): Promise<unknown> {
  const {
    AUTH_SERVER = 'http://127.0.0.1:4000',
    API = 'http://127.0.0.1:4001',
    HEIRLOOM_USER = 'demo',
    PASSWORD = '',
  } = env
  const client = createClient({ authServer: AUTH_SERVER, resources: [API] })
  await client.login({ username: HEIRLOOM_USER, password: PASSWORD, device: 'the command line' })
  try {
    const response = await client.fetch(`${API}/api/me`)
    return await response.json()
  } finally {
    await client.logout()
  }
}

if (import.meta.main) console.log(await main(process.env))
