/** An event of the user's account, as it is kept. */
interface Happening {
  type: string
  detail: Record<string, string | number>
}

interface InWords {
  text: string
  /** The user should look into it. */
  isWarning: boolean
}

const ENDED: Record<string, string> = {
  logout: 'You logged out of a session.',
  logout_all: 'You logged out everywhere.',
  session_ended: 'You ended a session.',
  consent_withdrawn: 'A session ended because you withdrew access from its application.',
  session_limit: 'Your least recently used session ended because you had too many.',
  password_changed: 'Your other sessions ended because the password was changed.',
  disabled: 'All sessions ended because the account was disabled.',
  client_disabled: 'A session ended because its application was shut down.',
  admin: 'An administrator ended a session.',
  restored: 'A session ended because the server was restored from a backup.',
}

const plain = (text: string): InWords => ({ text, isWarning: false })
const warning = (text: string): InWords => ({ text, isWarning: true })

/** What the owner of an account is told of each type of event. Other types mean something only to an operator. */
const WORDS: Record<string, (detail: Happening['detail']) => InWords | null> = {
  registered: () => plain('The account was created.'),
  login: ({ ip }) => plain(`You logged in from ${ip}.`),
  authorized: ({ client, ip }) => plain(`You logged in to ${client} from ${ip}.`),
  consent_given: ({ client }) => plain(`You gave ${client} access to your account.`),
  consent_withdrawn: ({ client }) => plain(`You withdrew access from ${client}.`),
  login_refused: ({ ip, reason }) =>
    reason === 'wrong_password' || reason === 'unreadable_hash'
      ? warning(`Someone at ${ip} tried to log in with a wrong password.`)
      : null,
  reuse: () =>
    warning('An old token of a session was used again, so the session was ended. Someone may have copied the token.'),
  // `reuse` has said it.
  revoked: ({ reason }) => (reason === 'reuse' ? null : plain(ENDED[String(reason)] ?? 'A session ended.')),
  password_changed: () => plain('The password was changed.'),
  account_changed: ({ members }) =>
    plain(`An administrator changed your account: ${String(members).replaceAll(' ', ', ').replaceAll('_', ' ')}.`),
  lockout_lifted: () => plain('An administrator lifted a block that failed logins had caused.'),
  account_rolled_back: () => warning('The server was restored from a backup, so your password may be an older one.'),
}

/** The types of events that `inWords` has words for. */
export const OWN_EVENTS: readonly string[] = Object.keys(WORDS)

/**
 * @param nameOf the name of the client that an event is about.
 * @returns null if there is nothing to tell.
 */
export function inWords({ type, detail }: Happening, nameOf: (clientId: string) => string): InWords | null {
  const clientId = detail['clientId']
  const client = clientId === undefined ? 'an application' : nameOf(String(clientId))
  return Object.hasOwn(WORDS, type) ? (WORDS[type]?.({ ...detail, client }) ?? null) : null
}
