import { scryptSync } from 'node:crypto'
import { type HashFault, type HashKind, hashOf, isEqual, saltOf } from './hash-kind.ts'

/** RFC 7914, section 2. `N` is a power of two. */
export interface ScryptCost {
  N: number
  r: number
  p: number
}

const MAX_MEMORY_BYTES = 128 * 2 ** 20
/** N times r times p: about a second. */
const MAX_WORK = 2 ** 21

/** What is wrong with a cost, or null. */
export function faultOfCost({ N, r, p }: ScryptCost): HashFault | null {
  if (128 * N * r > MAX_MEMORY_BYTES)
    return { fault: `takes ${(128 * N * r) / 2 ** 20} MiB of memory; at most 128 are accepted` }
  return N * r * p > MAX_WORK ? { fault: `costs too much: N × r × p may be at most ${MAX_WORK}` } : null
}

export const isCost = ({ N, r, p }: ScryptCost) => N > 1 && Number.isInteger(Math.log2(N)) && r > 0 && p > 0

/** The key of a password. Node's limit on memory leaves no room for what it needs besides. */
export const derive = (password: string, salt: Buffer, { N, r, p }: ScryptCost, bytes: number): Buffer =>
  scryptSync(password, salt, bytes, { N, r, p, maxmem: 2 * MAX_MEMORY_BYTES })

interface Spelt {
  cost: ScryptCost
  salt: Buffer | null
  hash: Buffer | null
}

const SPELLINGS: [RegExp, (parts: string[]) => Spelt][] = [
  // PHC's string format, and passlib's.
  [
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([^$]+)\$([^$]+)$/,
    ([ln, r, p, salt = '', hash = '']) => ({
      cost: costOf(2 ** Number(ln), r, p),
      salt: saltOf(salt),
      hash: hashOf(hash),
    }),
  ],
  // Django. The salt is text.
  [
    /^scrypt\$(\d{1,9})\$([^$]+)\$(\d{1,4})\$(\d{1,4})\$([^$]+)$/,
    ([N, salt = '', r, p, hash = '']) => ({
      cost: costOf(Number(N), r, p),
      salt: Buffer.from(salt),
      hash: hashOf(hash),
    }),
  ],
  // Werkzeug, which Flask uses. The salt is text.
  [
    /^scrypt:(\d{1,9}):(\d{1,4}):(\d{1,4})\$([^$]+)\$([^$]+)$/,
    ([N, r, p, salt = '', hash = '']) => ({
      cost: costOf(Number(N), r, p),
      salt: Buffer.from(salt),
      hash: hashOf(hash, 'hex'),
    }),
  ],
]

const costOf = (N: number, r = '', p = ''): ScryptCost => ({ N, r: Number(r), p: Number(p) })

export const scrypt: HashKind = {
  name: 'scrypt',
  begins: /^\$?scrypt[$:]/,
  read(text) {
    for (const [spelling, spelt] of SPELLINGS) {
      const parts = spelling.exec(text)
      if (!parts) continue
      const { cost, salt, hash } = spelt(parts.slice(1))
      if (!salt || !hash || !isCost(cost)) return null
      return faultOfCost(cost) ?? { matches: (password) => isEqual(derive(password, salt, cost, hash.length), hash) }
    }
    return null
  },
}
