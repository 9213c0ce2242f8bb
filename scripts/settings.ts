// Settings that no service reads: those of the commands, of docker compose and of `npm start`.
import { settingType, port } from '@heirloom/http-service'

const text = (accepts: string, isSecret?: true) =>
  settingType({ accepts, ...(isSecret && { isSecret }) }, (input) => input)
const postgresUrl = text('`postgres://` or `postgresql://`', true)
const password = text('ASCII characters without spaces', true)
const listeningAddress = text('`address:port`')

/** For `npm run migrate` and `npm run roles`. Servers must not have them, because they allow changes of the schema. */
export const OWNER_SETTINGS = {
  DATABASE_OWNER_URL: postgresUrl({
    default: undefined,
    example: 'postgresql://heirloom_owner:PASSWORD@db.example.com:5432/heirloom',
    desc: 'The URL of the role that owns the tables, for `migrate`; by default `DATABASE_URL`',
    docs: 'docs/guide/deploy.md#the-roles-in-postgres',
  }),
  DATABASE_SERVER_ROLE: text('the name of a role')({
    default: undefined,
    example: 'heirloom_server',
    desc: 'The role of the servers; `migrate` grants it the right to read and write rows',
  }),
  DATABASE_ADMIN_URL: postgresUrl({
    default: undefined,
    example: 'postgresql://postgres:PASSWORD@db.example.com:5432/heirloom',
    desc: 'The URL of a superuser, with which `roles` creates the two other roles',
  }),
}

/** What docker-compose.yml takes from .env for its own stores and addresses. */
export const COMPOSE_SETTINGS = {
  POSTGRES_PASSWORD: password({
    desc: 'The password of the superuser of Postgres; `openssl rand -hex 32` makes one',
  }),
  POSTGRES_OWNER_PASSWORD: password({
    desc: 'The password of the owner of the tables; `openssl rand -hex 32` makes one',
  }),
  POSTGRES_SERVER_PASSWORD: password({
    desc: 'The password of the role of the servers; `openssl rand -hex 32` makes one',
  }),
  REDIS_PASSWORD: password({ desc: 'The password of Redis; `openssl rand -hex 32` makes one' }),
  AUTH_ADDRESS: listeningAddress({
    default: '127.0.0.1:4000',
    desc: 'The address of the auth servers on this machine',
  }),
  API_ADDRESS: listeningAddress({
    default: '127.0.0.1:4001',
    desc: 'The address of the resource services on this machine',
  }),
  PROMETHEUS_ADDRESS: listeningAddress({
    default: '127.0.0.1:9090',
    desc: 'With `--profile observe`: the address of Prometheus, which asks for no password',
  }),
  GRAFANA_ADDRESS: listeningAddress({
    default: '127.0.0.1:3000',
    desc: 'With `--profile observe`: the address of Grafana, which asks for no password',
  }),
}

export const START_SETTINGS = {
  AUTH_PORT: port({ default: 4000, desc: 'The port of the auth server' }),
  API_PORT: port({ default: 4001, desc: 'The port of the resource API' }),
  DATA_DIR: text('a folder')({ default: 'data', desc: 'The folder that keeps the stores, the secrets and the logs' }),
}
