import { createHash } from 'node:crypto'
import { compareSync } from 'bcryptjs'
import type { HashKind } from './hash-kind.ts'

/** Each step doubles the time. Twelve takes a quarter of a second. */
const MAX_COST = 14

/**
 * As OpenBSD and PHP write it. Django and Spring put their own names in front. The last characters of the salt and of the hash
 * have bits to spare, which are zero.
 */
const SPELLING =
  /^(bcrypt_sha256\$|bcrypt\$|\{bcrypt\})?(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26])$/

export const bcrypt: HashKind = {
  name: 'bcrypt',
  begins: /^(?:bcrypt|\{bcrypt\}|\$2[abxy]?\$)/,
  read(text) {
    const [, before, hash = '', cost] = SPELLING.exec(text) ?? []
    if (Number(cost) > MAX_COST) return { fault: `has a cost of ${Number(cost)}; at most ${MAX_COST} is accepted` }
    if (!(Number(cost) >= 4)) return null
    // Django's way around the 72 bytes that bcrypt takes.
    const prepared = before === 'bcrypt_sha256$' ? sha256Hex : (password: string) => password
    return { matches: (password) => compareSync(prepared(password), hash) }
  },
}

const sha256Hex = (text: string) => createHash('sha256').update(text).digest('hex')
