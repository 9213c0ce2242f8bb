import { PrismaPg } from '@prisma/adapter-pg'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Queryable = Pick<Adapter, 'queryRaw' | 'executeRaw'>
type Query = Parameters<Adapter['queryRaw']>[0]

/** Prisma's adapter with one fix. It writes times without an offset, so Postgres would take them for times in its own zone. */
export class PrismaPostgres extends PrismaPg {
  override async connect(): Promise<Adapter> {
    const adapter = writeOffsets(await super.connect())
    const startTransaction = adapter.startTransaction.bind(adapter)
    adapter.startTransaction = async (level) => writeOffsets(await startTransaction(level))
    return adapter
  }
}

function writeOffsets<T extends Queryable>(queryable: T): T {
  const queryRaw = queryable.queryRaw.bind(queryable)
  const executeRaw = queryable.executeRaw.bind(queryable)
  return Object.assign(queryable, {
    queryRaw: (query: Query) => queryRaw(withOffsets(query)),
    executeRaw: (query: Query) => executeRaw(withOffsets(query)),
  })
}

/** Turns times into strings, which the adapter does not change. */
function withOffsets(query: Query): Query {
  const isTime = query.argTypes.map(({ scalarType }) => scalarType === 'datetime')
  if (!isTime.includes(true)) return query
  return {
    ...query,
    args: query.args.map((arg, i) => (isTime[i] ? toText(arg) : arg)),
    argTypes: query.argTypes.map((type, i) => (isTime[i] ? { ...type, scalarType: 'string' } : type)),
  }
}

function toText(time: unknown): unknown {
  if (Array.isArray(time)) return time.map(toText)
  return time instanceof Date ? time.toISOString() : time
}
