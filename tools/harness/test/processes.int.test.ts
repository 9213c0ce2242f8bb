import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { coreTimeMs, memoryOf, processTree, treeCpuTimeMs, usageOf } from '../src/processes.ts'

/** A shell whose child is busy. Both end with the test. */
async function busyShell() {
  const shell = spawn('sh', ['-c', 'yes > /dev/null & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(shell.stdout, 'data')) as [Buffer]
  const child = Number(line.toString())
  onTestFinished(() => {
    process.kill(child)
    shell.kill()
  })
  return { pid: shell.pid ?? 0, child }
}

describe.runIf(process.platform === 'linux')('by /proc', () => {
  it('the tree of a process has the process first, then its children', async () => {
    const { pid, child } = await busyShell()
    expect(processTree(pid)).toEqual([pid, child])
    expect(processTree(process.pid)).toEqual(expect.arrayContaining([pid, child]))
  })

  it('the CPU time of a child counts for its parent', async () => {
    const { pid } = await busyShell()
    await expect.poll(() => treeCpuTimeMs(pid)).toBeGreaterThan(20)
    expect(usageOf(pid)?.cpuMs).toBeGreaterThan(20)
    expect(coreTimeMs()).toBeGreaterThan(treeCpuTimeMs(process.pid))
  })

  it('memory is at most its peak, and its own part at most all of it', () => {
    const { residentBytes, peakBytes, ownBytes } = memoryOf(process.pid)
    expect(ownBytes).toBeGreaterThan(0)
    expect(residentBytes).toBeGreaterThan(ownBytes)
    expect(peakBytes).toBeGreaterThanOrEqual(ownBytes)
  })

  it('a process that has ended has no usage', async () => {
    const child = spawn('true')
    await once(child, 'exit')
    expect(usageOf(child.pid ?? 0)).toBeNull()
    expect(processTree(child.pid ?? 0)).toEqual([])
  })
})
