// `npm start`: the stores, both services and a demo user on one machine.
import { once } from 'node:events'
import { startHeirloom } from './start/heirloom.ts'
import { nextSteps } from './start/next-steps.ts'
import { readPlace } from './start/settings.ts'

const say = (line: string) => console.log(line)

// A terminal and npm may both send the same signal. The first one counts.
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort())
process.stdout.on('error', () => interrupt.abort()) // the reader of the output has gone

try {
  const heirloom = await startHeirloom({ ...readPlace(process.env), env: process.env, say, signal: interrupt.signal })
  say(nextSteps(heirloom))
  const interrupted = interrupt.signal.aborted || once(interrupt.signal, 'abort')
  const failure = await Promise.race([heirloom.failed, Promise.resolve(interrupted).then(() => null)])
  if (failure === null) say('Stopping ...')
  else {
    console.error(failure)
    process.exitCode = 1
  }
  await heirloom.stop()
} catch (error) {
  if (!interrupt.signal.aborted) {
    console.error(`Heirloom did not start: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
