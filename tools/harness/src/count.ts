import { InvalidArgumentError } from 'commander'

/** Parses a whole number of 1 or more, as an argument of a command. @throws InvalidArgumentError */
export function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Write a whole number of 1 or more.')
  return value
}
