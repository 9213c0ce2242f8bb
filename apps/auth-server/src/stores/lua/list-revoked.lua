-- Adds indexes to the revoked ones, and deletes the oldest. Indexes that are added together are one member of the set.
--
-- KEYS[1]  the sorted set of indexes, by when they were added last
-- ARGV[1]  how long an index is kept at most, in milliseconds
-- ARGV[2]  the indexes, separated by commas
-- Answers  nothing
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'GT', now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
