-- Reads the indexes that were revoked lately, oldest first.
--
-- KEYS[1]  the sorted set of indexes, by when they were added last
-- ARGV[1]  how far back to read, in milliseconds
-- ARGV[2]  or from when on, in milliseconds since the epoch of Unix: the later of the two counts
-- ARGV[3]  how many members at most
-- Answers  the time of Redis in milliseconds, and each member, followed by when it was added
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local from = math.max(now - ARGV[1], tonumber(ARGV[2]))
local found = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', from), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
table.insert(found, 1, string.format('%.0f', now))
return found
