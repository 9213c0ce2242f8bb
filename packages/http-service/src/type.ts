import type { TArray, TInteger, TLiteral, TNumber, TObject, TProperties, TSchema, TString } from 'typebox'

/**
 * The JSON schemas of bodies and answers, with TypeBox's types and without its code, which would cost a small service
 * 13 MB of memory and a fifth of its start. What is made is what TypeBox makes.
 */
export const Type = {
  Object: <Properties extends TProperties>(properties: Properties) =>
    ({ type: 'object', required: Object.keys(properties), properties }) as unknown as TObject<Properties>,
  Array: <Items extends TSchema>(items: Items) => ({ type: 'array', items }) as unknown as TArray<Items>,
  String: (options: { description?: string; format?: string; minLength?: number; maxLength?: number } = {}) =>
    ({ type: 'string', ...options }) as TString,
  Number: () => ({ type: 'number' }) as TNumber,
  Integer: () => ({ type: 'integer' }) as TInteger,
  Literal: <Value extends string>(value: Value, options: { description?: string } = {}) =>
    ({ type: 'string', const: value, ...options }) as unknown as TLiteral<Value>,
}
