import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CallToolResult,
  type ContentBlock,
  type JsonSchemaType,
  type McpServer,
  type ServerNotifier,
  fromJsonSchema,
  requireScopes,
} from '@modelcontextprotocol/server'
import { PIXEL, textResource } from './resources.ts'

export const answer = (...content: ContentBlock[]): CallToolResult => ({ content })
export const text = (words: string): ContentBlock => ({ type: 'text', text: words })

/** The tools of the conformance runner's scenarios that need nothing of the client. */
export function registerTools(server: McpServer, notify: ServerNotifier): void {
  const resource = { type: 'resource', resource: textResource('test://embedded-resource') } as const
  const image = { type: 'image', data: PIXEL, mimeType: 'image/png' } as const
  const contents: Record<string, ContentBlock[]> = {
    test_simple_text: [text('This is a simple text response for testing.')],
    test_image_content: [image],
    test_audio_content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }],
    test_embedded_resource: [resource],
    test_multiple_content_types: [text('Multiple content types test:'), image, resource],
    test_streaming_elicitation: [text('Nothing is asked.')],
  }
  for (const [name, content] of Object.entries(contents))
    server.registerTool(name, { description: name }, () => answer(...content))

  server.registerTool('test_error_handling', { description: 'Fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  server.registerTool('test_trigger_tool_change', { description: 'Says that the tools changed' }, () => {
    notify.toolsChanged()
    return answer(text('said'))
  })
  server.registerTool('test_trigger_prompt_change', { description: 'Says that the prompts changed' }, () => {
    notify.promptsChanged()
    return answer(text('said'))
  })
  server.registerTool('test_logging_tool', { description: 'Logs if the request asks for it' }, async ({ mcpReq }) => {
    await mcpReq.log('info', 'It runs.')
    return answer(text('done'))
  })
  server.registerTool('test_tool_with_logging', { description: 'Logs three lines' }, async ({ mcpReq }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } })
      await sleep(20)
    }
    return answer(text('done'))
  })
  server.registerTool('test_tool_with_progress', { description: 'Reports progress' }, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      const params = { progressToken: progressToken ?? '', progress, total: 100 }
      await mcpReq.notify({ method: 'notifications/progress', params })
      await sleep(20)
    }
    return answer(text(String(progressToken)))
  })
  server.registerTool('test_reconnection', { description: 'Ends its stream before it answers' }, async ({ http }) => {
    http?.closeSSE?.()
    await sleep(100)
    return answer(text('answered after the stream had ended'))
  })
  // The runner compares these schemas with what it lists, and sends headers for the parameters that ask for one.
  const schema = { description: 'Has every word of the schema language', inputSchema: fromJsonSchema(SCHEMA) }
  server.registerTool('json_schema_2020_12_tool', schema, () => answer(text('done')))
  const region = { type: 'string', 'x-mcp-header': 'Region' } as const
  const inputSchema = fromJsonSchema({ type: 'object', properties: { region, level: { type: 'integer' } } })
  const inHeaders = { description: 'Takes its region from a header as well', inputSchema }
  server.registerTool('test_x_mcp_header', inHeaders, () => answer(text('done')))

  // Not of the runner: a tool that needs more than the guard asks for.
  const scopeChallenge = requireScopes('notes:read', 'notes:write')
  server.registerTool('write', { description: 'Writes a note', scopeChallenge }, () => answer(text('written')))
}

/** A WAV file without samples. */
const SILENCE = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='

const SCHEMA: JsonSchemaType = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}
