-- Loads the status of an account.
--
-- KEYS[1]  the hash of the account
-- Answers  epoch, version, roles (separated by spaces), disabled ('1' or '0'), attributes; nil each if there is
--          no copy
return redis.call('HMGET', KEYS[1], 'epoch', 'version', 'roles', 'disabled', 'attributes')
