import pg from 'pg'

/** Says how many updates of sessions stayed in their page and wrote to no index, since the statistics were reset. */
export async function hotUpdates(superuserUrl: string): Promise<string> {
  const sql = new pg.Client({ connectionString: superuserUrl })
  await sql.connect()
  const { rows } = await sql.query<{ updates: string; hot: string }>(
    "SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'families'",
  )
  await sql.end()
  const [updates, hot] = [Number(rows[0]?.updates), Number(rows[0]?.hot)]
  return `${((100 * hot) / updates).toFixed(2)} % of ${updates.toLocaleString('en')} updates of sessions were heap-only.`
}
