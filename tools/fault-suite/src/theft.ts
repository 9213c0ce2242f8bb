import { setTimeout as sleep } from 'node:timers/promises'
import { Session, type SessionContext, isRefused } from './session.ts'

/** A store that lost its last writes may accept one of the thief's tokens. The next one is older than the owner's. */
const MAX_ROUNDS = 3

/**
 * The owner refreshes, and a thief with an older copy refreshes too, until the thief is refused. Afterwards the session must
 * have ended for both.
 * @param boundMs how long another server may still accept a token.
 */
export async function commitTheft(context: SessionContext, stolen: string, boundMs: number): Promise<void> {
  const { ledger, urls } = context
  const owner = new Session(context, stolen)
  const thief = new Session(context, stolen, { isHonest: false })
  await owner.refresh()
  for (let round = 0; round < MAX_ROUNDS && !thief.isRefused; round++) {
    await owner.refresh()
    await thief.refresh()
  }
  if (!thief.isRefused) return ledger.breaks(4, 'a thief was not refused')
  await sleep(boundMs)
  for (const token of [thief.token, owner.token]) {
    for (const url of urls)
      if (!(await isRefused(context, url, token)))
        ledger.breaks(4, 'a stolen session worked after the theft was detected')
    ledger.stolen.push(token)
  }
}
