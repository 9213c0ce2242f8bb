/** Refreshes in flight, and connections to Postgres, so that none waits for a connection. */
export const AT_A_TIME = 16

/** Calls `run` with 0 to `count` - 1, `rounds` times, and never twice at a time with the same number. */
export async function inTurns(
  count: number,
  rounds: number,
  run: (n: number) => Promise<void>,
  atATime = AT_A_TIME,
): Promise<void> {
  const worker = async (_: unknown, first: number) => {
    for (let round = 0; round < rounds; round++) for (let n = first; n < count; n += atATime) await run(n)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}
