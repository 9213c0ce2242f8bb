import { describeEvent } from '../../apps/auth-server/src/services/event-descriptions.ts'
import { code, page, table } from './markdown.ts'
import { declarationOf, source, sources } from './source.ts'

const REASON_TYPES = {
  RefusalReason: 'apps/auth-server/src/rules/decide-refresh.ts',
  RevocationReason: 'apps/auth-server/src/rules/family.ts',
}

const words = (text: string) => [...text.matchAll(/'(\w+)'/g)].map(([, word = '']) => word)

/** docs/reference/events.md, from the type of the events. */
export function eventsPage(): string {
  const declaration = declarationOf(source('apps/auth-server/src/services/security-event.ts'), 'SecurityEvent')
  const warned = warnedTypes()
  const types = new Map<string, { reasons: Set<string>; fields: Set<string> }>()
  for (const member of declaration.split(/^ {2}\| \{/m).slice(1)) {
    const [, typeText = ''] = /type: ([^;\n]+)/.exec(member) ?? []
    for (const type of words(typeText)) {
      const { reasons, fields } = types.get(type) ?? { reasons: new Set(), fields: new Set() }
      types.set(type, { reasons, fields })
      for (const reason of reasonsOf(member)) reasons.add(reason)
      for (const [, field = ''] of member.matchAll(/[{;\n] *(\w+)\??: /g)) fields.add(field)
    }
  }
  if (warned.length === 0 || warned.some((type) => !types.has(type)))
    throw new Error('the types that are logged as warnings are not those of the events')
  return page(
    'Security events',
    'The auth server logs each security event as `{"event": {"type", …}, "msg": "security event"}`, counts it in ' +
      '`heirloom_security_events_total`, and keeps it in the table `security_events` for `SECURITY_EVENTS_KEPT_DAYS`. ' +
      'No event has a token, a password or the id of a family.',
    table(
      ['Type', 'Level', 'Meaning', 'Reasons', 'Fields'],
      [...types].map(([type, { reasons, fields }]) => [
        code(type),
        warned.includes(type) ? '`warn`' : '`info`',
        meaning(type),
        [...reasons].map(code).join(', '),
        [...fields]
          .filter((field) => field !== 'type' && field !== 'reason')
          .map(code)
          .join(', '),
      ]),
    ),
  )
}

function reasonsOf(member: string): string[] {
  const [, text = ''] = /reason: ([^;\n}]+)/.exec(member) ?? []
  const named = Object.entries(REASON_TYPES).filter(([type]) => text.includes(type))
  return [...named.flatMap(([type, path]) => words(declarationOf(source(path), type))), ...words(text)]
}

function warnedTypes(): string[] {
  const text = sources('apps/auth-server/src').find((one) => one.includes('const ALARMING = new Set'))
  return words(/const ALARMING = new Set.*\(\[([^\]]*)\]/.exec(text ?? '')?.[1] ?? '')
}

/** The description that `admin session list` shows, with names of fields instead of values. */
function meaning(type: string): string {
  const detail = new Proxy(
    {},
    { get: (_target, name) => (type === 'revoked' && name === 'sessions' ? undefined : `‹${String(name)}›`) },
  )
  return describeEvent({ type, detail, times: 1 })
}
