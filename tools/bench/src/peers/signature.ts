// The physical limit: what one signature costs, in CPU time, with nothing around it. Prints microseconds.
import { generateKeyPairSync, sign } from 'node:crypto'

const ROUNDS = 3_000
/** As long as the signing input of one of our access tokens. */
const INPUT = Buffer.alloc(480, 'a')

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
for (let i = 0; i < 200; i++) sign('sha256', INPUT, privateKey)
const before = process.cpuUsage()
for (let i = 0; i < ROUNDS; i++) sign('sha256', INPUT, privateKey)
const { user, system } = process.cpuUsage(before)
console.log((user + system) / ROUNDS)
