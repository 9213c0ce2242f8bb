import { hashSync, verifySync } from '@node-rs/argon2'
import { type HashKind, hashOf, saltOf } from './hash-kind.ts'

/** argon2id with the parameters of OWASP's cheat sheet: 19 MiB, two passes, one lane. About 20 ms of a core. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const { memoryCost, timeCost, parallelism } = PARAMETERS
const CURRENT = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`

/** Makes the hash of a password, as a PHC string. */
export const hashPassword = (password: string): string => hashSync(password, PARAMETERS)

/** Whether a hash has the form of those that are made now. Any other is replaced at a login. */
export const isCurrent = (hash: string): boolean => hash.startsWith(CURRENT)

const MAX_MEMORY_KIB = 131_072
/** Memory times passes: about a second. */
const MAX_KIB_OF_ALL_PASSES = 1_048_576
const MAX_LANES = 16
/** What the library takes. */
const MAX_SALT_BYTES = 48
const MAX_HASH_BYTES = 64

/** RFC 9106 in PHC's string format. Django puts its own name in front, Spring one in braces. */
const SPELLING =
  /^(?:argon2|\{argon2\})?(\$argon2(?:id|i|d)\$)(v=(?:16|19)\$)?m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/

export const argon2: HashKind = {
  name: 'argon2',
  begins: /^(?:argon2|\{argon2\})?\$argon2/,
  read(text) {
    // Without a version, it is the first one: 1.0, which is 16 in decimal.
    const [, type = '', version = 'v=16$', memory, passes, lanes, saltText = '', hashText = ''] =
      SPELLING.exec(text) ?? []
    const [m, t, p] = [Number(memory), Number(passes), Number(lanes)]
    const salt = saltOf(saltText)
    const hash = hashOf(hashText)
    if (!salt || !hash || salt.length > MAX_SALT_BYTES || hash.length > MAX_HASH_BYTES) return null
    if (t === 0 || p === 0 || m < 8 * p) return null
    if (m > MAX_MEMORY_KIB) return { fault: `takes ${m} KiB of memory; at most ${MAX_MEMORY_KIB} are accepted` }
    if (m * t > MAX_KIB_OF_ALL_PASSES || p > MAX_LANES) return { fault: 'costs too much: t passes over m KiB' }
    const phc = `${type}${version}m=${m},t=${t},p=${p}$${unpadded(salt)}$${unpadded(hash)}`
    return { matches: (password) => verifySync(phc, password) }
  },
}

const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')
