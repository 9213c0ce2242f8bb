import { type KeyObject, createCipheriv, createDecipheriv, createPrivateKey, hkdfSync, randomBytes } from 'node:crypto'

// version:1 | nonce:12 | tag:16 | ciphertext of the PKCS #8 key
const VERSION = 1
const NONCE_AT = 1
const TAG_AT = 13
const TEXT_AT = 29

export interface KeyEncryption {
  wrap(kid: string, key: KeyObject): Buffer<ArrayBuffer>
  /** @throws Error if the secret differs, or if the bytes were changed or belong to another key. */
  unwrap(kid: string, wrapped: Uint8Array): KeyObject
}

/** AES-256-GCM. The key's id is authenticated too, so that two rows cannot be swapped. */
export function keyEncryption(secret: string): KeyEncryption {
  const wrappingKey = Buffer.from(hkdfSync('sha256', secret, '', 'heirloom signing key encryption', 32))
  return {
    wrap(kid, key) {
      const nonce = randomBytes(TAG_AT - NONCE_AT)
      const cipher = createCipheriv('aes-256-gcm', wrappingKey, nonce).setAAD(Buffer.from(kid))
      const text = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()])
      return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), text])
    },
    unwrap(kid, wrapped) {
      const bytes = Buffer.from(wrapped)
      if (bytes[0] !== VERSION) throw new Error('encrypted by another version')
      const decipher = createDecipheriv('aes-256-gcm', wrappingKey, bytes.subarray(NONCE_AT, TAG_AT), {
        authTagLength: TEXT_AT - TAG_AT,
      })
      decipher.setAAD(Buffer.from(kid)).setAuthTag(bytes.subarray(TAG_AT, TEXT_AT))
      const der = Buffer.concat([decipher.update(bytes.subarray(TEXT_AT)), decipher.final()])
      return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
    },
  }
}
