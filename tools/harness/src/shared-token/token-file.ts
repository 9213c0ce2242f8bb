import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** What a token endpoint answers. */
export interface Tokens {
  access_token: string
  token_type: string
  /** Seconds. */
  expires_in?: number | undefined
  refresh_token?: string | undefined
}

export interface SharedTokens extends Tokens {
  /** Milliseconds since the epoch, by the clock of the process that wrote the file. */
  expiresAt: number
}

/** The file with the tokens of one session. A reader sees either the old tokens or the new ones. */
export class TokenFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  read(): SharedTokens {
    return JSON.parse(readFileSync(this.#path, 'utf8')) as SharedTokens
  }

  write(tokens: Tokens): void {
    const shared: SharedTokens = { ...tokens, expiresAt: Date.now() + (tokens.expires_in ?? 0) * 1_000 }
    const own = `${this.#path}.${process.pid}`
    writeFileSync(own, JSON.stringify(shared))
    renameSync(own, this.#path)
  }
}
