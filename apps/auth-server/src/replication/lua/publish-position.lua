-- Records how far Postgres has come, and answers how far it had come before as far as Redis knows.
--
-- KEYS[1]  the hash of the positions
-- ARGV[1]  position
-- ARGV[2]  the nonce of that position
-- ARGV[3]  the epoch of the fence
-- ARGV[4]  the Redis process that the epoch was begun for
-- ARGV[5]  '1' if a server works without Redis in that epoch, or '0'
-- Answers  the newest position that was ever published, and the nonce that is known for ARGV[1] (nil if it is too old)
--
-- NONCES_KEPT  from replication/rollback-witness.ts
local position, nonce, epoch = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local had = redis.call('HMGET', KEYS[1], 'newest', 'epoch', 'past')
local newest = tonumber(had[1] or '-1')
for old = newest - NONCES_KEPT + 1, math.min(newest, position - NONCES_KEPT) do
  redis.call('HDEL', KEYS[1], 'at:' .. old)
end
if position > newest then redis.call('HSET', KEYS[1], 'newest', ARGV[1]) end
if position > newest - NONCES_KEPT then redis.call('HSETNX', KEYS[1], 'at:' .. ARGV[1], nonce) end
local known = redis.call('HGET', KEYS[1], 'at:' .. ARGV[1])
if position >= newest and known == nonce then
  if ARGV[5] == '1' and epoch > tonumber(had[3] or '0') then redis.call('HSET', KEYS[1], 'past', ARGV[3]) end
  if epoch > tonumber(had[2] or '0') then redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'process', ARGV[4]) end
end
return { math.max(newest, position), known }
