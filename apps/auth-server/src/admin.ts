import { runAdmin } from './admin/main.ts'

await runAdmin(process.argv, process.env)
