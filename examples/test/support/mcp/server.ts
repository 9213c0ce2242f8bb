import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callerOf, connectBearer, connectResourceMetadata, createVerifier } from '@heirloom/verifier'
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  type AuthInfo,
  type EventStore,
  McpServer,
  type ServerNotifier,
  classifyInboundRequest,
  createMcpHandler,
  createRequestStateCodec,
  isInitializeRequest,
} from '@modelcontextprotocol/server'
import { SkillCatalog, memorySkillFiles } from '@modelcontextprotocol/server/ext/skills'
import express from 'express'
import { registerPrompts } from './prompts.ts'
import { type State, registerQuestions } from './questions.ts'
import { registerResources } from './resources.ts'
import { registerTools } from './tools.ts'

const codec = createRequestStateCodec<State>({ key: randomBytes(32) })
const skills = await SkillCatalog.load(
  memorySkillFiles({
    'notes/SKILL.md': '---\nname: notes\ndescription: How to write notes.\n---\n\nBriefly.\n',
    'notes/references/GUIDE.md': 'A guide.\n',
  }),
)

function createServer(notify: ServerNotifier): McpServer {
  const server = new McpServer(
    { name: 'fixtures', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: { verify: (state, context) => codec.verify(state, context) },
    },
  )
  registerTools(server, notify)
  registerQuestions(server, codec)
  registerResources(server)
  registerPrompts(server)
  skills.attach(server)
  return server
}

type Guarded = IncomingMessage & { auth: AuthInfo; body?: unknown }

/**
 * What mcp-server.ts of the examples is, with the tools, resources and prompts of the conformance runner. Many of its
 * scenarios are for clients of 2025, whose servers keep sessions, so this one does as well.
 */
export function fixtureServer(issuer: string, audience: string) {
  const verifier = createVerifier({ issuer, audience, resource: { name: 'Notes', scopes: ['notes:read'] } })
  const handler = createMcpHandler(() => createServer(handler.notify))
  const mcp = toNodeHandler(handler)
  const sessions = new Map<string, { user: unknown; transport: NodeStreamableHTTPServerTransport }>()

  async function serveSession(request: Guarded, response: ServerResponse): Promise<void> {
    const user = request.auth.extra?.['sub']
    const session = sessions.get(String(request.headers['mcp-session-id']))
    // The id of a session is not a secret: another user's token does not open it.
    if (session?.user === user && session) return session.transport.handleRequest(request, response, request.body)
    if (!isInitializeRequest(request.body)) return void response.writeHead(404).end()
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, { user, transport }),
      onsessionclosed: (id) => void sessions.delete(id),
      eventStore: eventStore(),
      retryInterval: 100,
    })
    await createServer(handler.notify).connect(transport)
    await transport.handleRequest(request, response, request.body)
  }

  const app = express()
  const [isLocal, isLocalPage] = [localhostHostValidation(), localhostOriginValidation()]
  app.use((request, response, next) => void (isLocal(request, response) && isLocalPage(request, response) && next()))
  app.use(connectResourceMetadata(verifier))
  app.all('/mcp', connectBearer(verifier, { scope: 'notes:read' }), express.json(), (request, response) => {
    const { sub, client_id: clientId, scope = '', exp: expiresAt } = callerOf(request)
    const resourceMetadataUrl = verifier.resource?.metadataUrl ?? ''
    const auth = { clientId, scopes: scope.split(' '), expiresAt, resourceMetadataUrl, extra: { sub } }
    const guarded = Object.assign(request, { auth })
    if (isOf2025(guarded)) void serveSession(guarded, response)
    else void mcp(guarded as NodeIncomingMessageLike, response, request.body)
  })
  return app
}

function isOf2025({ method = '', headers, body }: Guarded): boolean {
  const named = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined)
  const [version, called] = [named('mcp-protocol-version'), named('mcp-method')]
  const { kind } = classifyInboundRequest({
    httpMethod: method,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(called !== undefined && { mcpMethodHeader: called }),
    ...(method === 'POST' && { body }),
  })
  return kind === 'legacy'
}

/** Keeps what a session sent, for a client that asks again from an event on. */
function eventStore(): EventStore {
  const events: { stream: string; message: Parameters<EventStore['storeEvent']>[1] }[] = []
  return {
    storeEvent: (stream, message) => Promise.resolve(String(events.push({ stream, message }) - 1)),
    async replayEventsAfter(last, { send }) {
      const stream = events[Number(last)]?.stream ?? ''
      for (const [index, event] of events.entries())
        if (index > Number(last) && event.stream === stream) await send(String(index), event.message)
      return stream
    },
  }
}
