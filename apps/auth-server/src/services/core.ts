import type { Config } from '../config.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { TokenSigner } from '../keys/token-signer.ts'
import type { AttemptThrottle } from '../credentials/attempt-throttle.ts'
import type { PasswordHasher } from '../credentials/password-hasher.ts'
import type { RefreshTokens } from '../rules/refresh-token.ts'
import type { Accounts } from '../stores/accounts.ts'
import type { LoginStore } from '../stores/family-store.ts'
import type { AuditEvents } from '../stores/audit-events.ts'
import type { Sessions } from '../stores/sessions.ts'
import type { RecordEvent } from './security-event.ts'

/** What use cases work with. Made in one place (compose.ts) and passed in. */
export interface Core {
  config: Config
  families: LoginStore
  sessions: Sessions
  accounts: Accounts
  keys: KeyRing
  signer: TokenSigner
  refreshTokens: RefreshTokens
  hasher: PasswordHasher
  throttle: AttemptThrottle
  events: AuditEvents
  audit: RecordEvent
  /** Told the time of the stores, in milliseconds, by every login and refresh. */
  seeStoreTime: (now: number) => void
}
