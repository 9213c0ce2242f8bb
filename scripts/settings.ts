// The settings that no service reads: those of the commands, of docker compose and of `npm start`.
import { settingType, port } from '@heirloom/http-service'

const text = (accepts: string, isSecret?: true) =>
  settingType({ accepts, ...(isSecret && { isSecret }) }, (input) => input)
const postgresUrl = text('`postgres://` or `postgresql://`', true)
const password = text('ASCII characters without spaces', true)
const listeningAddress = text('`address:port`')

/** Of `npm run migrate` and `npm run roles`. No server is given them: with these, a schema can be changed. */
export const OWNER_SETTINGS = {
  DATABASE_OWNER_URL: postgresUrl({
    default: undefined,
    example: 'postgresql://heirloom_owner:PASSWORD@db.example.com:5432/heirloom',
    desc: 'The owner of the tables, as whom `migrate` works; by default `DATABASE_URL`',
    docs: 'docs/guide/deploy.md#the-roles-in-postgres',
  }),
  DATABASE_SERVER_ROLE: text('the name of a role')({
    default: undefined,
    example: 'heirloom_server',
    desc: 'The role of the servers, which `migrate` lets read and write the rows of each table',
  }),
  DATABASE_ADMIN_URL: postgresUrl({
    default: undefined,
    example: 'postgresql://postgres:PASSWORD@db.example.com:5432/heirloom',
    desc: 'A superuser, as whom `roles` makes the two other roles',
  }),
}

/** What docker-compose.yml takes from .env for its own stores and addresses. */
export const COMPOSE_SETTINGS = {
  POSTGRES_PASSWORD: password({
    desc: 'The password of the superuser of its Postgres; `openssl rand -hex 32` makes one',
  }),
  POSTGRES_OWNER_PASSWORD: password({
    desc: 'The password of the owner of the tables; `openssl rand -hex 32` makes one',
  }),
  POSTGRES_SERVER_PASSWORD: password({
    desc: 'The password of the role of the servers; `openssl rand -hex 32` makes one',
  }),
  REDIS_PASSWORD: password({ desc: 'The password of its Redis; `openssl rand -hex 32` makes one' }),
  AUTH_ADDRESS: listeningAddress({
    default: '127.0.0.1:4000',
    desc: 'Where the auth servers are reached on this machine',
  }),
  API_ADDRESS: listeningAddress({
    default: '127.0.0.1:4001',
    desc: 'Where the resource services are reached on this machine',
  }),
  PROMETHEUS_ADDRESS: listeningAddress({
    default: '127.0.0.1:9090',
    desc: 'With `--profile observe`: where Prometheus is reached, which asks for no password',
  }),
  GRAFANA_ADDRESS: listeningAddress({
    default: '127.0.0.1:3000',
    desc: 'With `--profile observe`: where Grafana is reached, which asks for no password',
  }),
}

export const START_SETTINGS = {
  AUTH_PORT: port({ default: 4000, desc: 'The port of the auth server' }),
  API_PORT: port({ default: 4001, desc: 'The port of the resource API' }),
  DATA_DIR: text('a folder')({ default: 'data', desc: 'The folder that keeps the stores, the secrets and the logs' }),
}
