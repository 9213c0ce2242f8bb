// npm install @modelcontextprotocol/server @modelcontextprotocol/node express; @heirloom/verifier: packages/verifier/README.md#install
// A server of the Model Context Protocol. A client that has only its address finds the auth server and logs its user in.
import { callerOf, connectBearer, connectResourceMetadata, createVerifier } from '@heirloom/verifier'
import { localhostHostValidation, toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server'
import express from 'express'

const { ISSUER: issuer = 'http://127.0.0.1:4000', PORT = '3000' } = process.env
// The public address. The realm has a resource of this name.
const audience = `http://127.0.0.1:${PORT}/mcp`
const verifier = createVerifier({ issuer, audience, resource: { name: 'Notes', scopes: ['notes:read'] } })

const mcp = toNodeHandler(
  createMcpHandler(({ authInfo }) => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' })
    server.registerTool('whoami', { description: 'Says who is calling' }, () => ({
      content: [{ type: 'text', text: `You are ${String(authInfo?.extra?.['sub'])}.` }],
    }))
    return server
  }),
)

const app = express()
// A server that is not on this machine leaves this line out.
const isLocal = localhostHostValidation()
app.use((request, response, next) => void (isLocal(request, response) && next()))
app.use(connectResourceMetadata(verifier), express.json())
app.all('/mcp', connectBearer(verifier, { scope: 'notes:read' }), (request, response) => {
  const { sub, client_id: clientId, scope = '', exp: expiresAt } = callerOf(request)
  const auth = { clientId, scopes: scope.split(' '), expiresAt, extra: { sub } }
  void mcp(Object.assign(request, { auth }), response, request.body)
})
app.listen(Number(PORT), '127.0.0.1')
