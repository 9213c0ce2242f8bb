import { foldCase } from './username.ts'

/** RFC 5321, section 4.5.3.1.3: a path of 256 octets, of which two are the brackets. */
const MAX_BYTES = 254

/** No more than mail itself needs: only a message that arrives shows that an address is one. */
const ADDRESS = /^[^\s@\p{Cc}\p{Cf}]+@[^\s@\p{Cc}\p{Cf}]+$/u

export interface EmailAddress {
  /** As it was written, for display and for mail. */
  address: string
  /**
   * Two addresses with the same key are taken for the same, whatever their case: few mail servers tell upper from lower.
   */
  key: string
}

/** Null if the text cannot be an address. */
export function emailAddress(text: string): EmailAddress | null {
  if (!text.isWellFormed() || !ADDRESS.test(text) || Buffer.byteLength(text) > MAX_BYTES) return null
  return { address: text, key: foldCase(text.normalize('NFKC')).normalize('NFKC') }
}
