import type { Command } from 'commander'
import { judgeRealmFile } from '../rules/judge-realm-file.ts'
import type { Resource } from '../rules/realm.ts'
import { FOLLOWED, applyChange, readRealm, refused } from './apply-change.ts'
import { type Door, UsageError } from './door.ts'

export function resourceCommands(program: Command, { onStores }: Door): void {
  const command = program.command('resource').description('manages the services that access tokens are for')
  command
    .command('add <id>')
    .description('adds a service; its id, an absolute URI or a bare name, is the audience of its tokens')
    .requiredOption('--scope <name=words...>', 'a scope, and what it means for people; may be repeated')
    .option('--name <name>', 'what people are shown; default: the id')
    .action(
      onStores(async (parts, id: string, options: { scope: string[]; name?: string }) => {
        const scopes = Object.fromEntries(options.scope.map(toScope))
        const row = { ...(options.name !== undefined && { name: options.name }), scopes }
        const how = { prune: false, issuer: parts.core.config.issuer }
        const { realm } = await applyChange(parts, (current) =>
          current.resources.some((one) => one.id === id)
            ? refused(['resources', id], 'is there already: change it with `realm apply`')
            : judgeRealmFile(current, { resources: { [id]: row } }, how),
        )
        const added = realm.resources.find((one) => one.id === id)
        return { ...(added && shown(added)), ...FOLLOWED }
      }),
    )
  command
    .command('list')
    .description('lists all services with their scopes')
    .action(onStores(async (parts) => ({ resources: (await readRealm(parts)).resources.map(shown) })))
  command
    .command('remove <id>')
    .description('removes a service that no client and no role names any more')
    .action(
      onStores(async (parts, id: string) => {
        await applyChange(parts, (current) => {
          const resources = current.resources.filter((one) => one.id !== id)
          if (resources.length === current.resources.length) return refused(['resources', id], 'is not there')
          return { ok: true, realm: { ...current, resources } }
        })
        return { removed: id, ...FOLLOWED }
      }),
    )
}

function toScope(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at === -1) throw new UsageError(`--scope ${JSON.stringify(text)} must be NAME=WORDS`)
  return [text.slice(0, at), text.slice(at + 1)]
}

const shown = (resource: Resource) => ({
  id: resource.id,
  name: resource.name,
  scopes: resource.scopes,
  introspectors: resource.introspectors,
  claims: resource.claims,
  access_token_ttl_seconds: resource.accessTokenTtlSeconds,
})
