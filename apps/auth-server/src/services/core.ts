import type { Config } from '../config.ts'
import type { AttemptThrottle } from '../credentials/attempt-throttle.ts'
import type { PasswordHasher } from '../credentials/password-hasher.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { TokenSigner } from '../keys/token-signer.ts'
import type { RealmSource } from '../rules/realm.ts'
import type { RefreshTokens } from '../rules/refresh-token.ts'
import type { AuthorizationCodes } from '../rules/authorization-code.ts'
import type { Accounts } from '../stores/accounts.ts'
import type { AuditEvents } from '../stores/audit-events.ts'
import type { UserDeletions } from '../replication/user-deletions.ts'
import type { Consents } from '../stores/consents.ts'
import type { Clock } from '../stores/clock.ts'
import type { LoginStore } from '../stores/family-store.ts'
import type { Sessions } from '../stores/sessions.ts'
import type { RecordEvent } from './security-event.ts'
import type { StatusLists } from './status-lists.ts'

/** Everything that services work with. wiring.ts creates it, and each service names the parts that it needs. */
export interface Core {
  config: Config
  realm: RealmSource
  clock: Clock
  families: LoginStore
  sessions: Sessions
  accounts: Accounts
  consents: Consents
  deletions: UserDeletions
  keys: KeyRing
  signer: TokenSigner
  refreshTokens: RefreshTokens
  codes: AuthorizationCodes
  /** Null if access tokens name no status list. */
  statusLists: StatusLists | null
  hasher: PasswordHasher
  throttle: AttemptThrottle
  events: AuditEvents
  audit: RecordEvent
  /** Takes the stores' time in milliseconds at every login and refresh, for the metric of the clock difference. */
  seeStoreTime: (now: number) => void
}
