import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { judgeRealmFile } from '../rules/judge-realm-file.ts'
import type { RealmData } from '../rules/realm.ts'
import { toFile } from '../rules/realm-file-data.ts'
import { type ParsedFile, parseRealmFile } from '../services/realm/read-realm-file.ts'
import { FOLLOWED, readRealm } from '../services/admin/change-realm-as.ts'
import { applyChange } from './apply-change.ts'
import { type Door, UsageError, UsageErrors } from './door.ts'

export function realmCommands(program: Command, { onStores }: Door): void {
  const realm = program.command('realm').description('reads and writes resources, roles and clients as one file')
  realm
    .command('apply <file>')
    .description('makes the realm what the file says, and prints what changes; `-` reads standard input')
    .option('--dry-run', 'shows what would change without changing it; with --prune, also what would be removed')
    .option('--prune', 'removes what is not in the file, and ends the sessions of removed clients')
    .action(
      onStores(async (parts, path: string, options: { dryRun?: true; prune?: true }) => {
        const file = { ...parsed(path), name: path === '-' ? 'standard input' : path }
        const how = { prune: options.prune === true, issuer: parts.core.config.issuer }
        const dryRun = options.dryRun === true
        const decide = (current: RealmData) => judgeRealmFile(current, file.value, how)
        const { changes, sessionsEnded, warnings } = await applyChange(parts, decide, { dryRun, file })
        return { applied: !dryRun, changes, sessions_ended: sessionsEnded, ...warnings, ...(!dryRun && FOLLOWED) }
      }),
    )
  realm
    .command('export')
    .description('prints the realm as a file, with the hashes of secrets, for `realm apply`')
    .action(onStores(async (parts) => stringify(toFile(await readRealm(parts)), { lineWidth: 120 })))
}

function parsed(path: string): ParsedFile {
  let source: string
  try {
    source = readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw new UsageError(`the file cannot be read: ${(error as Error).message}`)
  }
  const result = parseRealmFile(source)
  if (!result.ok) throw new UsageErrors(result.lines)
  return result.file
}
