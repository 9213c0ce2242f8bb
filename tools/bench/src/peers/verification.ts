// The physical limit: what one verification costs, in CPU time, with nothing around it. Prints microseconds.
import { generateKeyPairSync, sign, verify } from 'node:crypto'

const ROUNDS = 10_000
/** As long as the signing input of one of our access tokens. */
const INPUT = Buffer.alloc(480, 'a')

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const signature = sign('sha256', INPUT, privateKey)
for (let i = 0; i < 2_000; i++) verify('sha256', INPUT, publicKey, signature)
const before = process.cpuUsage()
for (let i = 0; i < ROUNDS; i++) verify('sha256', INPUT, publicKey, signature)
const { user, system } = process.cpuUsage(before)
console.log((user + system) / ROUNDS)
