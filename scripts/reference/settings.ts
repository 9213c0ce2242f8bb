import { type SettingDescription, describeSetting, serviceSettings } from '@heirloom/http-service'
import { GROUPS } from '../../apps/auth-server/src/settings.ts'
import { SETTINGS as API_SETTINGS } from '../../apps/resource-api/src/config.ts'
import { COMPOSE_SETTINGS, OWNER_SETTINGS, START_SETTINGS } from '../settings.ts'
import { code, page, sentence, table } from './markdown.ts'

interface Group {
  title: string
  settings: readonly (SettingDescription & { name: string })[]
  remark?: string
}

const named = (settings: Record<string, object>) =>
  Object.entries(settings).map(([name, setting]) => ({ name, ...describeSetting(name, setting) }))

const ofEveryService = named(serviceSettings(4000))
const isOfOneService = ({ name }: { name: string }) => ofEveryService.every((setting) => setting.name !== name)

const groups: readonly Group[] = [
  {
    title: 'Every service',
    settings: ofEveryService,
    remark: 'The default of `PORT` is 4000 for the auth server and 4001 for the resource API.',
  },
  { title: 'The resource API', settings: named(API_SETTINGS).filter(isOfOneService) },
  ...Object.entries(GROUPS).map(([title, settings]) => ({
    title: `The auth server: ${title.toLowerCase()}`,
    settings: named(settings),
  })),
  {
    title: '`npm run migrate` and `npm run roles`',
    settings: named(OWNER_SETTINGS),
    remark: 'Servers must not have these.',
  },
  {
    title: 'docker compose',
    settings: named(COMPOSE_SETTINGS),
    remark: 'docker compose reads `.env`. It has its own stores, so it needs no `DATABASE_URL` and no `REDIS_URL`.',
  },
  {
    title: '`npm start`',
    settings: named(START_SETTINGS),
    remark:
      'It also takes all settings of both services, but sets `PORT` itself. With an empty `REDIS_URL` it starts no Redis. The ' +
      'metrics of the resource API are on the port after `OPS_PORT`.',
  },
]

/** docs/reference/settings.md */
export const settingsPage = (): string =>
  page(
    'Settings',
    'Settings are environment variables. A process reads all of them when it starts. If some are bad, it names each of ' +
      'them on a line and stops. An empty variable counts as absent. A variable whose name is nearly that of a setting ' +
      'causes a warning in the log. **Set `NODE_ENV=production`** in production: without it the development defaults apply.',
    ...groups.flatMap(({ title, settings, remark }) => [
      `## ${title}`,
      ...(remark ? [remark] : []),
      table(
        ['Setting', 'Default', 'Accepts', 'Description'],
        settings.map((setting) => [
          code(setting.name),
          defaultCell(setting),
          setting.accepts,
          [
            sentence(setting.desc),
            ...(setting.isSecret ? ['Secret.'] : []),
            ...(setting.docs ? [`[More](../../${setting.docs})`] : []),
          ].join(' '),
        ]),
      ),
    ]),
  )

function defaultCell(setting: SettingDescription): string {
  const inProduction = 'default' in setting ? shown(setting.default) : 'required'
  return setting.devDefault === undefined ? inProduction : `${inProduction}; development: ${shown(setting.devDefault)}`
}

const shown = (value: unknown): string => (isNone(value) ? 'none' : code(String(value)))
const isNone = (value: unknown) => value === undefined || (Array.isArray(value) && value.length === 0)

const WIDTH = 118

/** .env.example */
export const envExample = (): string =>
  [
    '# Made by `npm run reference` from the tables of settings; docs/reference/settings.md shows them as tables.',
    '# docker compose reads a copy named .env. Without containers, export it: set -a; . ./.env; set +a; npm run start:auth',
    ...groups.flatMap(({ title, settings, remark }) => [
      '',
      `# --- ${title}`,
      ...(remark ? wrap(remark) : []),
      ...settings.flatMap((setting) => ['', ...wrap(comment(setting)), line(setting)]),
    ]),
    '',
  ].join('\n')

const comment = ({ desc, accepts, docs }: SettingDescription) =>
  [desc, `Accepts ${accepts}`, ...(docs ? [`See ${docs}`] : [])].map(sentence).join(' ')

/** A setting that must be given is not commented out. NODE_ENV is one, because without it the development defaults apply. */
function line(setting: SettingDescription & { name: string }): string {
  const isGiven = setting.name === 'NODE_ENV' || !('default' in setting)
  const value = isGiven || isNone(setting.default) ? (setting.example ?? '') : String(setting.default)
  return `${isGiven ? '' : '# '}${setting.name}=${value}`
}

function wrap(text: string): string[] {
  const lines = ['#']
  for (const word of text.split(' ')) {
    if (`${lines.at(-1)} ${word}`.length > WIDTH) lines.push('#')
    lines.push(`${lines.pop()} ${word}`)
  }
  return lines
}
