import { readFileSync } from 'node:fs'

/** The contents of PEM files. */
export interface TlsFiles {
  ca?: string
  cert?: string
  key?: string
}

/**
 * Reads the files that libpq's parameters name. @throws Error that names the parameter and not the path, since a password may
 * be in any wrong place. The message goes after the name of the setting.
 */
export function readTlsFiles(parameters: ReadonlyMap<string, string>): TlsFiles {
  const read = (parameter: string) => {
    const path = parameters.get(parameter)
    if (!path) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch {
      throw new Error(`names a file in ${parameter} that cannot be read`)
    }
  }
  const [ca, cert, key] = [read('sslrootcert'), read('sslcert'), read('sslkey')]
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}
