import { spawn } from 'node:child_process'
import { accessSync, constants, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Balancer {
  name: string
  pid: number
  apiUrl: string
  authUrl: string
  stop(): Promise<void>
}

interface Behind {
  apiUrls: string[]
  authUrls: string[]
  /** The ports on which it listens. */
  ports: Ports
  folder: string
}

export type Ports = Record<'api' | 'auth', number>

const READY_TIMEOUT_MS = 5_000

/** Starts HAProxy or nginx in front of both services. Returns null if neither is on the PATH. */
export async function startBalancer({ apiUrls, authUrls, ports, folder }: Behind): Promise<Balancer | null> {
  const kind = [haproxy, nginx].find(({ name }) => isOnPath(name))
  if (!kind) return null

  const file = join(folder, `${kind.name}.conf`)
  const hosts = (urls: string[]) => urls.map((url) => new URL(url).host)
  writeFileSync(file, kind.config(ports, { api: hosts(apiUrls), auth: hosts(authUrls) }, folder))

  // Only this process holds the pipe open. When it ends, the shell stops the balancer.
  const script = '"$@" & pid=$!; exec 2>&-; echo $pid; read -r _; kill $pid; wait $pid'
  const shell = spawn('sh', ['-c', script, 'sh', kind.name, ...kind.args(file)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((resolve) => shell.stdout.once('data', (data: Buffer) => resolve(Number(data))))
  const exited = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
  const stop = async () => {
    shell.stdin.end()
    await exited
  }

  const [apiUrl, authUrl] = [`http://127.0.0.1:${ports.api}`, `http://127.0.0.1:${ports.auth}`]
  const deadline = Date.now() + READY_TIMEOUT_MS
  while (!(await answers(`${apiUrl}/livez`)) || !(await answers(`${authUrl}/livez`))) {
    if (Date.now() > deadline) {
      await stop()
      throw new Error(`${kind.name} did not start. Its configuration: ${file}`)
    }
    await sleep(50)
  }
  return { name: kind.name, pid, apiUrl, authUrl, stop }
}

const isOnPath = (program: string) =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const answers = (url: string) =>
  fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  )

interface Kind {
  name: string
  args: (file: string) => string[]
  /** Both name the server that answered in `x-server`. */
  config: (ports: Ports, hosts: Record<keyof Ports, string[]>, folder: string) => string
}

const SERVICES = ['api', 'auth'] as const

const haproxy: Kind = {
  name: 'haproxy',
  args: (file) => ['-db', '-q', '-f', file],
  config: (ports, hosts) => `
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 15s
  # When a client gives up, the server learns of it and does not count the unread answer against the client.
  option abortonclose
  option redispatch 1
  retries 2
  retry-on conn-failure empty-response
  # On a machine that is short of CPU, servers are slow. A server that is down refuses the connection.
  timeout check 2s
${SERVICES.map(
  (service) => `
listen ${service}
  bind 127.0.0.1:${ports[service]}
  balance leastconn
  option httpchk GET /readyz
  # Safe to send twice: reads, refreshes (they return the same tokens) and logouts.
  http-request disable-l7-retry if METH_POST !{ path /auth/refresh /auth/logout }
  http-response set-header x-server %si:%sp
${hosts[service].map((host, i) => `  server ${service}-${i} ${host} check inter 500ms fall 1 rise 1\n`).join('')}`,
).join('')}`,
}

const nginx: Kind = {
  name: 'nginx',
  args: (file) => ['-c', file, '-e', 'stderr', '-g', 'daemon off;'],
  config: (ports, hosts, folder) => `
pid ${folder}/nginx.pid;
# Runs may stop servers on purpose. Such errors must not disturb the live view.
error_log stderr crit;
worker_processes auto;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_next_upstream error timeout http_503;
${SERVICES.map(
  (service) => `
  upstream ${service} {
    least_conn;
    keepalive 256;
${hosts[service].map((host) => `    server ${host} max_fails=1 fail_timeout=1s;\n`).join('')}  }
  server {
    listen 127.0.0.1:${ports[service]};
    location / { proxy_pass http://${service}; add_header x-server $upstream_addr always; }
  }`,
).join('')}
}
`,
}
