-- Merges one revocation into several families, as merge-family.lua does. A family that is not here is remembered as revoked.
--
-- KEYS      the hashes of the families
-- ARGV[1]   when they were revoked
-- ARGV[2]   why they were revoked
-- ARGV[2+i] when KEYS[i] expires, if it is new: in milliseconds since the epoch of Unix
-- Answers   nothing
--
-- NEVER  the time of a redemption that did not happen: EMPTY_STATE in rules/family.ts
for i, key in ipairs(KEYS) do
  local at, reason = ARGV[1], ARGV[2]
  local before = redis.call('HMGET', key, 'redeemed', 'revokedAt', 'revokedFor')
  local was = tonumber(before[2] or 'inf')
  if not before[1] then
    redis.call('HSET', key, 'redeemed', 0, 'redeemedAt', NEVER, 'revokedAt', at, 'revokedFor', reason)
    redis.call('PEXPIREAT', key, ARGV[2 + i])
  elseif tonumber(at) < was or (tonumber(at) == was and reason < before[3]) then
    redis.call('HSET', key, 'revokedAt', at, 'revokedFor', reason)
  end
end
