import { integer } from '@heirloom/harness/numbers'
import type { RevocationOptions } from './arguments.ts'
import { fillList, measureLists } from './measure-lists.ts'
import type { RevocationPoint } from './result.ts'
import { LocalStack } from './stack/local-stack.ts'

/** `STATUS_TTL_SECONDS`, as it is by default. */
const TTL_SECONDS = 5

/** Sessions log out at one server, while verifiers poll the lists of two servers, and then while they wait there. */
export async function runRevocation(
  { verifiers, threads, duration: durationMs, rate: perSecond, light: isLight }: RevocationOptions,
  say: (line: string) => void,
): Promise<RevocationPoint[]> {
  const stack = new LocalStack()
  try {
    say('Starting the stores and 2 auth servers ...')
    await stack.start([{}, {}], fillList(perSecond))
    const authUrls = stack.authServers.map(({ service }) => service.url)
    const points: RevocationPoint[] = []
    for (const mode of ['polling', 'waiting'] as const) {
      say(`${integer(verifiers)} verifiers that are ${mode}, ${integer((durationMs / 1_000) * perSecond)} logouts ...`)
      const group = { mode, ttlSeconds: TTL_SECONDS, verifiers, threads, authUrls, isLight }
      points.push(...(await measureLists(stack, [group], { durationMs, perSecond })).points)
    }
    return points
  } finally {
    await stack.stop()
  }
}
