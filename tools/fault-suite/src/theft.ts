import { setTimeout as sleep } from 'node:timers/promises'
import { Session, type SessionContext, isRefused } from './session.ts'

/** A store that lost its last moments may take one of the thief's for new; the next one is older than the owner's. */
const MOST_ROUNDS = 3

/**
 * The owner goes on, and a thief who has a copy from before goes on too, until it is refused. Afterwards nobody has the
 * account.
 * @param boundMs how long another server may still go on.
 */
export async function commitTheft(world: SessionContext, stolen: string, boundMs: number): Promise<void> {
  const { ledger, urls } = world
  const owner = new Session(world, stolen)
  const thief = new Session(world, stolen, { isHonest: false })
  await owner.refresh()
  for (let round = 0; round < MOST_ROUNDS && !thief.isPutOut; round++) {
    await owner.refresh()
    await thief.refresh()
  }
  if (!thief.isPutOut) return ledger.breaks(4, 'a thief went on')
  await sleep(boundMs)
  for (const token of [thief.token, owner.token]) {
    for (const url of urls)
      if (!(await isRefused(world, url, token))) ledger.breaks(4, 'a stolen session worked after it was found')
    ledger.stolen.push(token)
  }
}
