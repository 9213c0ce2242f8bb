import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type InputRequests,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
  acceptedContent,
  inputRequired,
} from '@modelcontextprotocol/server'
import { prompt, strings } from './prompts.ts'
import { answer, text } from './tools.ts'

export interface State {
  readonly round: number
}

/** The tools, and the prompt, of the conformance runner's scenarios that ask the client something before they answer. */
export function registerQuestions(server: McpServer, codec: RequestStateCodec<State>): void {
  /** Asks until each question has an answer. A client of 2025 is asked by requests of the server, a later one by the result. */
  const ask = (name: string, questions: InputRequests, round?: number) =>
    server.registerTool(name, { description: name }, async ({ mcpReq: { inputResponses } }) =>
      isAnswered(questions, inputResponses)
        ? answer(text(`state-ok: ${JSON.stringify(inputResponses)}`))
        : inputRequired({
            inputRequests: questions,
            ...(round !== undefined && { requestState: await codec.mint({ round }) }),
          }),
    )

  const name = form('What is your name?', { name: { type: 'string' } })
  const confirm = form('Please confirm', { ok: { type: 'boolean' } })
  const capital = sampling('What is the capital of France?')
  const everything = { user_name: name, greeting: sampling('A greeting'), client_roots: inputRequired.listRoots() }
  ask('test_input_required_result_elicitation', { user_name: name })
  ask('test_input_required_result_sampling', { capital_question: capital })
  ask('test_input_required_result_list_roots', { client_roots: everything.client_roots })
  ask('test_input_required_result_multiple_inputs', everything, 1)
  ask('test_input_required_result_request_state', { confirm }, 1)
  ask('test_input_required_result_tampered_state', { confirm }, 1)
  ask('test_missing_capability', { capital_question: capital })
  ask('test_elicitation_sep1034_defaults', { form: form('Defaults', DEFAULTS, []) })
  ask('test_elicitation_sep1330_enums', { form: form('Choices', CHOICES, []) })

  server.registerTool(
    'test_sampling',
    { description: 'Asks a model', inputSchema: strings('prompt') },
    (args, { mcpReq }) =>
      mcpReq.inputResponses
        ? answer(text(JSON.stringify(mcpReq.inputResponses)))
        : inputRequired({ inputRequests: { llm: sampling(args.prompt) } }),
  )
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: strings('message') },
    (args, { mcpReq }) =>
      mcpReq.inputResponses
        ? answer(text(JSON.stringify(mcpReq.inputResponses)))
        : inputRequired({ inputRequests: { form: form(args.message, { response: { type: 'string' } }) } }),
  )
  server.registerTool('test_input_required_result_multi_round', { description: 'Asks twice' }, async ({ mcpReq }) => {
    const round = (mcpReq.requestState<State>()?.round ?? 0) + 1
    if (round > 2) return answer(text('Both rounds are done.'))
    return inputRequired({ inputRequests: { [`step${round}`]: name }, requestState: await codec.mint({ round }) })
  })
  const able = { description: 'Asks only what the client can answer' }
  server.registerTool('test_input_required_result_capabilities', able, ({ mcpReq }) => {
    const envelope = mcpReq.envelope as Record<string, ClientCapabilities | undefined> | undefined
    const { elicitation, sampling: models, roots } = envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? {}
    const inputRequests = {
      ...(elicitation && { user_name: everything.user_name }),
      ...(models && { greeting: everything.greeting }),
      ...(roots && { client_roots: everything.client_roots }),
    }
    return mcpReq.inputResponses || Object.keys(inputRequests).length === 0
      ? answer(text('done'))
      : inputRequired({ inputRequests })
  })
  const context = form('Which context?', { context: { type: 'string' } })
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first' }, (given: unknown) => {
    const { inputResponses } = (given as ServerContext).mcpReq
    return acceptedContent(inputResponses, 'user_context')
      ? prompt(text(JSON.stringify(inputResponses)))
      : inputRequired({ inputRequests: { user_context: context } })
  })
}

function isAnswered(questions: InputRequests, answers: Record<string, unknown> | undefined): boolean {
  return Object.entries(questions).every(([key, { method }]) =>
    method === 'elicitation/create' ? acceptedContent(answers, key) : answers?.[key],
  )
}

type Properties = ElicitRequestFormParams['requestedSchema']['properties']

const form = (message: string, properties: Properties, required = Object.keys(properties)) =>
  inputRequired.elicit({ message, requestedSchema: { type: 'object', properties, required } })

const sampling = (words: string) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: words } }],
    maxTokens: 100,
  })

const DEFAULTS: Properties = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
}

const NAMES = ['option1', 'option2', 'option3']
const TITLED = NAMES.map((name) => ({ const: name, title: `The ${name}` }))

const CHOICES: Properties = {
  untitledSingle: { type: 'string', enum: NAMES },
  titledSingle: { type: 'string', oneOf: TITLED },
  legacyEnum: { type: 'string', enum: NAMES, enumNames: NAMES.map((name) => `The ${name}`) },
  untitledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: NAMES } },
  titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: TITLED } },
}
