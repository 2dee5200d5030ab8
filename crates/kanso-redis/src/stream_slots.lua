-- Takes a slot of a user in one atomic step, on Redis' own clock, so that servers with different clocks
-- count alike.
--
-- KEYS[1] the user's slots: one member for each stream, its score is the microsecond at which it is free.
-- ARGV[1] the stream, ARGV[2] the number of slots, ARGV[3] the lease in microseconds.
-- Returns 1 if the stream has a slot, and 0 if all are taken by others.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Slots of streams that ended without a release, such as those of a crashed server.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local has_it = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not has_it and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
return 1
