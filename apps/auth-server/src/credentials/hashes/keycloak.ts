import { argon2 } from './argon2.ts'
import { type HashKind, hashOf, saltOf } from './hash-kind.ts'
import { pbkdf2Hash } from './pbkdf2.ts'

const DIGESTS: Readonly<Record<string, string>> = {
  pbkdf2: 'sha1',
  'pbkdf2-sha256': 'sha256',
  'pbkdf2-sha512': 'sha512',
}

/**
 * A credential of a Keycloak export (CredentialRepresentation), as JSON. Its two members are JSON themselves, in a text or not.
 */
export const keycloak: HashKind = {
  name: 'Keycloak',
  begins: /^\s*\{\s*"/,
  read(text) {
    const credential = objectOf(text)
    const data = objectOf(credential['credentialData'])
    const secret = objectOf(credential['secretData'])
    const algorithm = textOf(data['algorithm'])
    const [salt, hash] = [textOf(secret['salt']), textOf(secret['value'])]
    const iterations = Number(data['hashIterations'])
    if (algorithm !== 'argon2') return pbkdf2Hash(DIGESTS[algorithm] ?? '', iterations, saltOf(salt), hashOf(hash))
    const parameters = objectOf(data['additionalParameters'])
    const [type, version, memory, lanes] = ['type', 'version', 'memory', 'parallelism'].map((name) =>
      textOf([parameters[name]].flat()[0]),
    )
    if (version !== '1.3') return null
    return argon2.read(`$argon2${type}$v=19$m=${memory},t=${iterations},p=${lanes}$${salt}$${hash}`)
  },
}

/** An object, or its JSON. Anything else has no members. */
function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  if (typeof value !== 'string') return {}
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
