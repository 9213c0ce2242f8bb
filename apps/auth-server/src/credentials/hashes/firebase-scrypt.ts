import { createCipheriv } from 'node:crypto'
import { type HashKind, hashOf, isEqual, saltOf, secretOf } from './hash-kind.ts'
import { derive, faultOfCost, isCost } from './scrypt.ts'

/**
 * Firebase's own scrypt (github.com/firebase/scrypt), in the spelling of Supabase Auth: `ss` is the project's salt separator and
 * `sk` its signer key, in base64. The signer key, encrypted with the key of the password, is the hash.
 */
const SPELLING = /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})(?:,ss=([^,$]+))?,sk=([^,$]+)\$([^$]+)\$([^$]+)$/

export const firebaseScrypt: HashKind = {
  name: 'Firebase scrypt',
  begins: /^\$fbscrypt\$/,
  read(text) {
    const [, n, r, p, separatorText = '', keyText = '', saltText = '', hashText = ''] = SPELLING.exec(text) ?? []
    const cost = { N: 2 ** Number(n), r: Number(r), p: Number(p) }
    const [separator, signerKey, salt, hash] = [
      secretOf(separatorText),
      secretOf(keyText),
      saltOf(saltText),
      hashOf(hashText),
    ]
    if (!separator || !signerKey?.length || !salt || !hash || !isCost(cost)) return null
    return (
      faultOfCost(cost) ?? {
        matches(password) {
          const key = derive(password, Buffer.concat([salt, separator]), cost, 32)
          const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
          return isEqual(Buffer.concat([cipher.update(signerKey), cipher.final()]), hash)
        },
      }
    )
  },
}
