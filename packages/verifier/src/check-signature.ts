import { ALGORITHMS } from './keys/algorithms.ts'
import type { VerificationKey } from './keys/verification-key.ts'
import type { ParsedToken } from './parse-token.ts'
import { type Refusal, refuse } from './refusal.ts'

/** Answers why the key did not sign this token, or undefined if it did. */
export function checkSignature(parsed: ParsedToken, key: VerificationKey): Refusal | undefined {
  // RFC 8725, section 3.1: the key determines the algorithm, and the token may only agree.
  if (parsed.algorithm !== key.algorithm) return refuse('algorithm_refused', 'The key is for another algorithm.')
  if (!ALGORITHMS[key.algorithm].verify(parsed.signingInput, key.publicKey, parsed.signature)) {
    return refuse('signature_invalid', 'The signature does not match.')
  }
  return undefined
}
