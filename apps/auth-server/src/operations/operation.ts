import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'
import type { AdminScope } from '../rules/administration.ts'
import type { AdminParts } from '../services/admin/admin-parts.ts'
import type { Refusal } from '../services/refusal.ts'

type Refused = 400 | 403 | 404 | 409

/**
 * One operation of administration. The route, its place in the OpenAPI document and the command come from this: they read the
 * input, call `run`, and answer or print what it gives.
 */
export interface Operation<Input = never> {
  summary: string
  description?: string
  scope: AdminScope
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below /admin. */
  path: string
  /** The input is the members of all three. No two have the same name. */
  params?: TObject
  query?: TObject
  body?: TObject
  status: 200 | 201
  answer: TSchema
  refusals: readonly Refused[]
  run(parts: AdminParts, input: Input): Promise<{ ok: true } | Refusal>
}

type Members<P extends TProperties, Q extends TProperties, B extends TProperties> = Static<TObject<P>> &
  Static<TObject<Q>> &
  Static<TObject<B>>

interface Definition<P extends TProperties, Q extends TProperties, B extends TProperties, A extends TSchema> {
  summary: string
  description?: string
  scope: AdminScope
  /** Its params are the members of `params`, as `{name}`. */
  on: `${Operation['method']} /${string}`
  params?: P
  query?: Q
  body?: B
  status?: 200 | 201
  answer: A
  refusals?: readonly Refused[]
  run(parts: AdminParts, input: Members<P, Q, B>): Promise<({ ok: true } & Static<A>) | Refusal>
}

/* oxlint-disable typescript/no-generated-empty-object-type -- a part of the input that is left out has no members */
/** Defines an operation. The types of the input and of the answer are those of its schemas. */
export function operation<
  A extends TSchema,
  P extends TProperties = Record<never, never>,
  Q extends TProperties = Record<never, never>,
  B extends TProperties = Record<never, never>,
>({
  on,
  params,
  query,
  body,
  status = 200,
  refusals = [],
  ...rest
}: Definition<P, Q, B, A>): Operation<Members<P, Q, B>> {
  const [method, path = ''] = on.split(' ')
  return {
    ...rest,
    method: method as Operation['method'],
    path,
    ...(params && { params: Type.Object(params) }),
    ...(query && { query: Type.Object(query) }),
    ...(body && { body: Type.Object(body) }),
    status,
    refusals,
  }
}
/* oxlint-enable typescript/no-generated-empty-object-type */
