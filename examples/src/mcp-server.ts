// npm install @modelcontextprotocol/server @modelcontextprotocol/node express; @heirloom/verifier: packages/verifier/README.md#install
// A server of the Model Context Protocol. A client that has only its address finds the auth server and logs its user in.
import { callerOf, connectBearer, connectResourceMetadata, createVerifier } from '@heirloom/verifier'
import { localhostHostValidation, localhostOriginValidation, toNodeHandler } from '@modelcontextprotocol/node'
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
// A server that is not on this machine names its own hosts: hostHeaderValidation([…]) and originValidation([…]).
const [isLocal, isLocalPage] = [localhostHostValidation(), localhostOriginValidation()]
app.use((request, response, next) => void (isLocal(request, response) && isLocalPage(request, response) && next()))
app.use(connectResourceMetadata(verifier))
app.all('/mcp', connectBearer(verifier, { scope: 'notes:read' }), (request, response) => {
  const { sub, client_id: clientId, scope = '', exp: expiresAt } = callerOf(request)
  const resourceMetadataUrl = verifier.resource?.metadataUrl ?? ''
  const auth = { clientId, scopes: scope.split(' '), expiresAt, resourceMetadataUrl, extra: { sub } }
  void mcp(Object.assign(request, { auth }), response)
})
app.listen(Number(PORT), '127.0.0.1')
