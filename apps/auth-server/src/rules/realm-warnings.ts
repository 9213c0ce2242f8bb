import { getDomain } from 'tldts'
import type { RealmData } from './realm.ts'
import type { RealmFault } from './realm-file.ts'

/** What is allowed in a realm, and is probably not what was meant. */
export function realmWarnings({ clients }: Pick<RealmData, 'clients'>, issuer: string): RealmFault[] {
  return clients
    .filter(({ grants }) => grants.includes('login'))
    .flatMap(({ id, origins }) =>
      origins.flatMap((origin, i) =>
        isSameSite(origin, issuer)
          ? []
          : [
              {
                path: ['clients', id, 'origins', i],
                text: `is ${JSON.stringify(origin)}, another site than ${issuer}: browsers send its pages no cookie, so they need the code flow`,
              },
            ],
      ),
    )
}

/** As browsers compare sites for cookies (HTML standard, "schemelessly same site" and the scheme). Ports do not count. */
export function isSameSite(one: string, other: string): boolean {
  const [a, b] = [URL.parse(one), URL.parse(other)]
  if (!a || !b || a.protocol !== b.protocol) return false
  if (a.hostname === b.hostname) return true
  const [site, otherSite] = [siteOf(a.hostname), siteOf(b.hostname)]
  return site !== null && site === otherSite
}

/** The registrable domain. Null for an address, a name such as `localhost`, and a public suffix. */
const siteOf = (host: string) => getDomain(host, { allowPrivateDomains: true })
