-- Reads what publish-position.lua recorded.
--
-- KEYS[1]  the hash of the positions
-- ARGV[1]  a position
-- Answers  the newest position; the newest epoch and the Redis process that it was begun for; the newest epoch in which a server
--          worked without Redis; the nonce of ARGV[1]. nil each if it is not known
return redis.call('HMGET', KEYS[1], 'newest', 'epoch', 'process', 'past', 'at:' .. ARGV[1])
