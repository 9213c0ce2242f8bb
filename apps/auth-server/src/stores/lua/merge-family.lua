-- Merges an update into a family, as `merge` in rules/family.ts does, whatever the epoch of the copy: what it holds did happen.
--
-- KEYS[1]  the hash of the family
-- ARGV[1]  the current epoch
-- ARGV[2]  when a new hash expires, in milliseconds since the epoch of Unix
-- ARGV[3]  redeemed
-- ARGV[4]  redeemedAt
-- ARGV[5]  lateRepeated, or ''
-- ARGV[6]  when it was revoked, or ''
-- ARGV[7]  why it was revoked, or ''
-- ARGV[8…] only to open the family: the fields of its grant, each followed by its value
-- Answers  the epoch and the fields of the state before the merge, or nil if no copy of the current epoch or a later one was there
--
-- STATE_FIELDS  from stores/redis-family-store.ts
local before = redis.call('HMGET', KEYS[1], 'epoch', STATE_FIELDS)
local there, opens = before[2], #ARGV > 7
local known = tonumber(before[1] or '-1') >= tonumber(ARGV[1])
local revokes = ARGV[6] ~= ''
if not (known or opens or revokes) then return nil end

local changes = {}
local function set(field, value) changes[#changes + 1] = field; changes[#changes + 1] = value end

local redeemed, had = tonumber(ARGV[3]), tonumber(before[2] or '-1')
if redeemed > had then set('redeemed', ARGV[3]) end
if redeemed > had or (redeemed == had and tonumber(ARGV[4]) < tonumber(before[3])) then set('redeemedAt', ARGV[4]) end
if ARGV[5] ~= '' and tonumber(ARGV[5]) > tonumber(before[4] or '0') then set('late', ARGV[5]) end
if revokes then
  local at, was = tonumber(ARGV[6]), tonumber(before[5] or 'inf')
  if at < was or (at == was and ARGV[7] < before[6]) then set('revokedAt', ARGV[6]); set('revokedFor', ARGV[7]) end
end
if opens then
  if not known then set('epoch', ARGV[1]) end
  -- Never changes, but a copy that an older version made may lack a field.
  for i = 8, #ARGV do changes[#changes + 1] = ARGV[i] end
end

if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
if not there then redis.call('PEXPIREAT', KEYS[1], ARGV[2])
elseif had < 1 and redeemed > 0 then
  -- A code that nobody had redeemed was kept for a shorter time.
  local expires = redis.call('HGET', KEYS[1], 'expires')
  if expires then redis.call('PEXPIREAT', KEYS[1], expires) end
end
if known then return before end
