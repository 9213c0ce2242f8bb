import { SettingsError, shownText } from '@heirloom/http-service'
import { Command } from 'commander'
import { clientCommands } from './clients.ts'
import { addDoctor } from './doctor.ts'
import { UsageErrors, doorOf } from './door.ts'
import { eventCommands } from './events.ts'
import { grantCommands } from './grants.ts'
import { keyCommands } from './keys.ts'
import { realmCommands } from './realm.ts'
import { resourceCommands } from './resources.ts'
import { restoreCommand } from './restore.ts'
import { roleCommands } from './roles.ts'
import { sessionCommands } from './sessions.ts'
import { userCommands } from './users.ts'

/** Characters of an error line. */
const LONGEST_LINE = 2_000

/** Runs one command. Prints its answer as JSON, or says what is wrong on standard error and exits with 1. */
export async function runAdmin(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const program = new Command('admin')
    .description(
      'Manages the users, sessions, clients and signing keys of Heirloom. Prints JSON. Reads the same environment variables as the server.',
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (line, write) => {
        const isUnknownOption = line.startsWith('error: unknown option')
        write(isUnknownOption ? line.replace(/\n?$/, '. Put an argument that starts with a dash after `--`.\n') : line)
      },
    })
  const door = doorOf(env)
  userCommands(program, door)
  sessionCommands(program, door)
  grantCommands(program, door)
  realmCommands(program, door)
  clientCommands(program, door)
  resourceCommands(program, door)
  roleCommands(program, door)
  restoreCommand(program, door)
  keyCommands(program, door)
  eventCommands(program, door)
  addDoctor(program, env)

  try {
    await program.parseAsync(argv)
  } catch (error) {
    const lines =
      error instanceof SettingsError || error instanceof UsageErrors
        ? error.lines
        : [error instanceof Error ? error.message : String(error)]
    for (const line of lines) process.stderr.write(`admin: ${shownText(line, LONGEST_LINE)}\n`)
    process.exit(1)
  }
}
