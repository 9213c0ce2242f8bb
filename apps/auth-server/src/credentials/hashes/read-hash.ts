import { argon2 } from './argon2.ts'
import { bcrypt } from './bcrypt.ts'
import { firebaseScrypt } from './firebase-scrypt.ts'
import type { HashFault, HashKind, ReadableHash } from './hash-kind.ts'
import { keycloak } from './keycloak.ts'
import { pbkdf2 } from './pbkdf2.ts'
import { scrypt } from './scrypt.ts'

const KINDS: readonly HashKind[] = [argon2, bcrypt, firebaseScrypt, scrypt, pbkdf2, keycloak]

const MAX_LENGTH = 1_024

/** Reads a hash of any kind. It computes nothing, and what `matches` takes of time and memory is bounded. */
export function readHash(text: string): (ReadableHash & { kind: string }) | HashFault {
  if (text.length > MAX_LENGTH) return { fault: `is longer than ${MAX_LENGTH} characters` }
  const kind = KINDS.find(({ begins }) => begins.test(text))
  if (!kind) return { fault: `is of no known kind; known are: ${KINDS.map(({ name }) => name).join(', ')}` }
  const read = kind.read(text) ?? { fault: `begins like ${kind.name}, and the rest of it is malformed` }
  return 'fault' in read ? read : { ...read, kind: kind.name }
}
