import { type ContentBlock, type GetPromptResult, type McpServer, fromJsonSchema } from '@modelcontextprotocol/server'
import { PIXEL, textResource } from './resources.ts'
import { text } from './tools.ts'

export const prompt = (content: ContentBlock): GetPromptResult => ({ messages: [{ role: 'user', content }] })

/** The prompts of the conformance runner's scenarios. */
export function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A text' }, () =>
    prompt(text('This is a simple prompt for testing.')),
  )
  server.registerPrompt('test_prompt_with_image', { description: 'A picture' }, () =>
    prompt({ type: 'image', data: PIXEL, mimeType: 'image/png' }),
  )
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'Repeats its arguments', argsSchema: strings<'arg1' | 'arg2'>('arg1', 'arg2') },
    ({ arg1, arg2 }) => prompt(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Embeds a resource', argsSchema: strings<'resourceUri'>('resourceUri') },
    ({ resourceUri }) => prompt({ type: 'resource', resource: textResource(resourceUri) }),
  )
  server.server.setRequestHandler('completion/complete', () => ({
    completion: { values: [], total: 0, hasMore: false },
  }))
}

/** A schema of required strings. */
export const strings = <Name extends string>(...names: Name[]) =>
  fromJsonSchema<Record<Name, string>>({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    required: names,
  })
