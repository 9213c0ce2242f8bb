import { integer } from '@heirloom/harness/numbers'
import type { SharedTokenPoint } from '../result.ts'
import { pairs } from './html.ts'

export const sharedTokenRows = (of: SharedTokenPoint): Record<string, string> => ({
  processes: integer(of.processes),
  'auth servers': integer(of.authServers),
  refreshes: integer(of.refreshes),
  'refused refreshes': integer(of.refused),
  'logins needed': integer(of.logins),
  'families ended by reuse': integer(of.endedFamilies),
  'without an answer': integer(of.unanswered),
})

export const sharedTokenSection = (of: SharedTokenPoint): string => `<section><h2>One token, several processes</h2>
${pairs(sharedTokenRows(of))}
<p>The processes run the client of the Model Context Protocol. Each reads the file when its access token has expired, after two seconds,
and writes what it got.</p>
</section>`
