import type { Client } from 'pg'
import { usernameKey } from '../apps/auth-server/src/rules/username.ts'

const BATCH = 1_000

interface Row {
  id: string
  username_key: string
}

/**
 * Gives each user the key that `usernameKey` returns now. Two users whose names have become one keep their old keys, so that
 * each can still log in with the spelling that they registered. Returns a line for each of these, without the name.
 */
export async function foldUsernameKeys(client: Client): Promise<string[]> {
  const collisions: string[] = []
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    // ASCII folds as before.
    const { rows } = await client.query<Row>(
      `SELECT id, username_key FROM users WHERE id > $1 AND username_key ~ '[^ -~]' ORDER BY id LIMIT ${BATCH}`,
      [after],
    )
    for (const { id, username_key: former } of rows) {
      after = id
      const key = usernameKey(former)
      if (key === null || key === former) continue
      const { rowCount } = await client.query(
        `UPDATE users SET username_key = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM users WHERE username_key = $2)`,
        [id, key],
      )
      if (rowCount === 1) continue
      const { rows: others } = await client.query<Row>('SELECT id FROM users WHERE username_key = $1', [key])
      collisions.push(`users ${id} and ${others[0]?.id} have one name now; both log in as before`)
    }
    if (rows.length < BATCH) return collisions
  }
}
