-- Loads a family.
--
-- KEYS[1]  the hash of the family
-- Answers  the epoch, the fields of the grant, those of the state (nil if one is not there), and the time of Redis in milliseconds
--
-- GRANT_FIELDS  from stores/grant-fields.ts
-- STATE_FIELDS  from stores/redis-family-store.ts
local time = redis.call('TIME')
local fields = redis.call('HMGET', KEYS[1], 'epoch', GRANT_FIELDS, STATE_FIELDS)
fields[#fields + 1] = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return fields
