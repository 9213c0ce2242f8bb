-- Merges the status of an account: the newer version stands, and so does the newer epoch.
--
-- KEYS[1]  the hash of the account
-- ARGV[1]  the epoch in which Postgres was read
-- ARGV[2]  how long to keep it, in milliseconds
-- ARGV[3]  version
-- ARGV[4]  roles, separated by spaces
-- ARGV[5]  '1' if the account is disabled, or '0'
-- ARGV[6]  the version, a space, and the attributes as JSON
-- Answers  1
local had = redis.call('HMGET', KEYS[1], 'epoch', 'version')
if tonumber(ARGV[3]) >= tonumber(had[2] or '0') then
  redis.call('HSET', KEYS[1], 'version', ARGV[3], 'roles', ARGV[4], 'disabled', ARGV[5], 'attributes', ARGV[6])
end
if tonumber(ARGV[1]) > tonumber(had[1] or '-1') then redis.call('HSET', KEYS[1], 'epoch', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
