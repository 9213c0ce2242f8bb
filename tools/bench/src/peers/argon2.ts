// What one password hash costs, in CPU time, with nothing around it. Prints milliseconds.
import { hashPassword } from '@heirloom/auth-server/internals/credentials/hash-worker'

const ROUNDS = 50
hashPassword('warm')
const before = process.cpuUsage()
for (let i = 0; i < ROUNDS; i++) hashPassword('a long and quiet walk')
const { user, system } = process.cpuUsage(before)
console.log((user + system) / ROUNDS / 1000)
