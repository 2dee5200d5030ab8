-- The generic cell rate algorithm (ITU-T I.371) in one atomic step, in microseconds.
--
-- The key holds the instant at which the bucket is full again, on Redis' own clock, so that servers
-- with different clocks count alike. It expires at that instant: no key means a full bucket.
--
-- KEYS[1] the bucket, ARGV[1] microseconds between two requests, ARGV[2] requests a window, ARGV[3]
-- requests as which this one counts.
-- Returns 1 if the request is allowed, and in microseconds: the room that is left, the time until the
-- bucket is full, and the time to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local emission = tonumber(ARGV[1])
local latest = now + emission * ARGV[2]
-- A value that this script cannot have written counts as a full bucket.
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now) or now, now)
if full_at > latest then
  full_at = now
end
local after = full_at + emission * ARGV[3]
local allowed = 0
local wait = after - latest
if after <= latest then
  allowed = 1
  wait = 0
  full_at = after
  -- '%.0f', because Lua would print a number of this size as 1.7e+15 and lose digits.
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
return {allowed, latest - full_at, full_at - now, wait}
