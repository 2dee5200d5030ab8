-- Takes a slot of a person in one atomic step, on Redis' own clock, so that servers whose clocks
-- differ count alike.
--
-- KEYS[1] the person's slots: a member a stream, scored with the microsecond at which it is free.
-- ARGV[1] the stream, ARGV[2] how many slots there are, ARGV[3] for how many microseconds.
-- Gives 1 when the stream has the slot, and 0 when all are taken by others.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local has_it = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not has_it and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
return 1
