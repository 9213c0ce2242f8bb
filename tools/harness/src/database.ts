import { randomBytes } from 'node:crypto'
import { createDatabase } from '@heirloom/local-stack'
import { migrate } from '../../../prisma/migrate.ts'
import { prepareRoles } from '../../../prisma/roles.ts'

export interface Database {
  /** As the role of the servers, which only reads and writes rows. */
  databaseUrl: string
  /** The same database as a superuser, for what a harness does from outside. */
  superuserUrl: string
}

/** Creates a database beside the one that the URL names, with the schema and the roles of a deployment. */
export async function newDatabase(superuserUrl: string, name: string): Promise<Database> {
  const created = await createDatabase(superuserUrl, name)
  return { databaseUrl: await prepareDatabase(created), superuserUrl: created }
}

/** Applies the migrations as the owner of the tables. Returns the URL for the servers. */
export async function prepareDatabase(superuserUrl: string): Promise<string> {
  const [ownerUrl, serverUrl] = [asRole(superuserUrl, 'heirloom_owner'), asRole(superuserUrl, SERVER_ROLE)]
  rolesReady = rolesReady.then(() => prepareRoles({ adminUrl: superuserUrl, ownerUrl, serverUrl }))
  await rolesReady
  await migrate(ownerUrl, undefined, SERVER_ROLE)
  return serverUrl
}

const SERVER_ROLE = 'heirloom_server'

/** Databases of one Postgres share their roles, and two transactions cannot alter one role at the same time. */
let rolesReady: Promise<void> = Promise.resolve()

/** One for all roles of this process: a database that is prepared later leaves the URLs of the earlier ones valid. */
const PASSWORD = randomBytes(24).toString('base64url')

function asRole(url: string, role: string): string {
  const changed = new URL(url)
  changed.username = role
  changed.password = PASSWORD
  return changed.href
}
