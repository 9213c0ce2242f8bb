import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'

/** A PNG of one pixel. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='

export const textResource = (uri: string, text = 'A text.') => ({ uri, mimeType: 'text/plain', text })

/** The resources of the conformance runner's scenarios. */
export function registerResources(server: McpServer): void {
  for (const name of ['static-text', 'watched-resource']) {
    const uri = `test://${name}`
    const metadata = { description: name, mimeType: 'text/plain' }
    server.registerResource(name, uri, metadata, () => ({ contents: [textResource(uri)] }))
  }
  const binary = { uri: 'test://static-binary', mimeType: 'image/png' }
  server.registerResource('static-binary', binary.uri, { description: 'A picture', mimeType: 'image/png' }, () => ({
    contents: [{ ...binary, blob: PIXEL }],
  }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  server.registerResource('template', template, { description: 'A document for each id' }, ({ href }, { id }) => ({
    contents: [textResource(href, `This is ${String(id)}.`)],
  }))
  server.server.setRequestHandler('resources/subscribe', () => ({}))
  server.server.setRequestHandler('resources/unsubscribe', () => ({}))
}
