import { NODE_ENVS, choice, host, issuer, port, range } from './setting-types.ts'

/**
 * The settings of every service. @param ownPort where the service listens by default.
 */
export const serviceSettings = (ownPort: number) => ({
  NODE_ENV: choice(...NODE_ENVS)({
    default: 'development',
    example: 'production',
    desc: '`production` refuses the development defaults and requires an https issuer; always set it in production',
  }),
  ISSUER: issuer({
    devDefault: 'http://127.0.0.1:4000',
    desc: 'The public URL of the auth server, https in production; every service must have exactly the same value',
    docs: 'docs/guide/deploy.md#an-issuer-with-a-path',
    example: 'https://auth.example.com',
  }),
  HOST: host({ default: '0.0.0.0', devDefault: '127.0.0.1', desc: 'The address that the service listens on' }),
  PORT: port({ default: ownPort, desc: 'The port that the service listens on' }),
  OPS_PORT: port({
    default: undefined,
    example: '9400',
    desc: 'If set, this port of `HOST` serves Prometheus metrics at `/metrics` to anyone who can reach it',
  }),
  KEEP_ALIVE_TIMEOUT_SECONDS: range(
    1,
    7_200,
    'seconds',
  )({
    default: 72,
    desc: 'How long an idle connection is kept; it must be longer than the proxy keeps its own connections, or the proxy answers 502 now and then',
    docs: 'docs/guide/deploy.md#how-much-is-needed',
  }),
  LOG_LEVEL: choice(
    'trace',
    'debug',
    'info',
    'warn',
    'error',
    'fatal',
    'silent',
  )({
    default: 'info',
    desc: 'The lowest level that is logged; the log is JSON on stdout',
  }),
})
