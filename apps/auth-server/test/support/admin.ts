import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { surroundings } from '@heirloom/local-stack'
import { Command } from 'commander'
import { clientCommands } from '../../src/admin/clients.ts'
import { doorThrough } from '../../src/admin/door.ts'
import { grantCommands } from '../../src/admin/grants.ts'
import { realmCommands } from '../../src/admin/realm.ts'
import { resourceCommands } from '../../src/admin/resources.ts'
import { roleCommands } from '../../src/admin/roles.ts'
import { actingAs, atCommand } from '../../src/services/admin/admin-parts.ts'
import type { ServerParts } from '../../src/wiring.ts'

/** A command of the operator, on the stores of a server in this process. Answers what it prints. */
// oxlint-disable-next-line typescript/no-explicit-any -- the test says what it expects
export async function adminOn(parts: ServerParts, ...args: string[]): Promise<any> {
  let printed: object | string | null = null
  const door = doorThrough((command) => async (...given) => {
    printed = await command(actingAs(parts, atCommand('tester')), ...given)
  })
  const program = new Command().exitOverride()
  for (const add of [realmCommands, clientCommands, resourceCommands, roleCommands, grantCommands]) add(program, door)
  await program.parseAsync(['node', 'admin', ...args])
  return printed
}

/** Starts the admin command with this environment. */
export function startAdmin(env: Record<string, string>, input: string | Buffer, ...args: string[]) {
  const child = spawn(process.execPath, ['apps/auth-server/src/admin.ts', ...args], {
    env: { ...surroundings(), ...env },
    stdio: 'pipe',
  })
  child.stdin.end(input)
  return child
}

/** Runs it to its end. `answer` is what it printed, parsed if it is JSON. */
export async function runAdmin(env: Record<string, string>, input: string | Buffer, ...args: string[]) {
  const child = startAdmin(env, input, ...args)
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ])
  return { code, stderr, stdout, answer: stdout.startsWith('{') ? JSON.parse(stdout) : null }
}

/** Runs it without input, and answers what it printed. Throws what it said if it refused. */
export async function admin(env: Record<string, string>, ...args: string[]) {
  const { code, stderr, answer } = await runAdmin(env, '', ...args)
  if (code !== 0) throw new Error(stderr)
  return answer
}
