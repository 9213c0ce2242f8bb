const LOOPBACK = '127.0.0.1,localhost,::1'

/** The environment of the command, made from the user's. */
export function environmentOfCommand(env) {
  // Calls to this machine must not go through a proxy, which Node uses if NODE_USE_ENV_PROXY is set.
  const direct = [env.no_proxy ?? env.NO_PROXY, LOOPBACK].filter(Boolean).join(',')
  // Without DATABASE_URL we start our own Postgres. PGSSLMODE or PGOPTIONS are meant for another one.
  const isKept = ([name]) => env.DATABASE_URL || !/^PG[A-Z]/.test(name)
  return { ...Object.fromEntries(Object.entries(env).filter(isKept)), NO_PROXY: direct, no_proxy: direct }
}
