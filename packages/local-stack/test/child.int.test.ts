import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { startChild } from '../src/child.ts'

const start = (script: string) =>
  startChild({ command: 'sh', args: ['-c', script], stdio: ['ignore', 'pipe', 'inherit'], stopSignal: 'SIGTERM' })

test('stop sends the signal and waits', async () => {
  const { child, process } = await start('trap "exit 7" TERM; echo ready; while :; do sleep 0.02; done')
  await once(process.stdout ?? process, 'data')
  await child.stop()
  expect(await child.exited).toEqual({ code: 7, signal: null })
})

test('stop resumes a suspended process', async () => {
  const { child } = await start('while :; do sleep 0.02; done')
  child.kill('SIGSTOP')
  await child.stop()
  expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' })
})

test.each(['runs', 'is suspended', 'ignores the signal'])(
  'a child that %s does not outlive a parent that is killed',
  async (state) => {
    const script = state === 'ignores the signal' ? 'trap "" TERM; exec sleep 600' : 'exec sleep 600'
    const source = `
    import { startChild } from ${JSON.stringify(new URL('../src/child.ts', import.meta.url))}
    const options = { command: 'sh', args: ['-c', ${JSON.stringify(script)}], stdio: ['ignore', 'inherit', 'inherit'],
      stopSignal: 'SIGTERM', stopTimeoutMs: 1000 }
    const { child } = await startChild(options)
    if (${state === 'is suspended'}) child.kill('SIGSTOP')
    console.log('ready')
    setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(parent.stdout, 'data')
    // The child writes to the same pipe, which ends when both are gone.
    const end = once(parent.stdout, 'end')
    parent.kill('SIGKILL')
    await end
  },
)
