-- The generic cell rate algorithm (ITU-T I.371) in one atomic step, in microseconds.
--
-- The key holds when the bucket will be full again, on Redis' own clock, so that servers whose
-- clocks differ count alike. It ends when the bucket is full: then no key says the same.
--
-- KEYS[1] the bucket, ARGV[1] microseconds between two requests, ARGV[2] requests a window.
-- Gives whether the request may proceed, how much is left, when the bucket will be full, and how
-- long to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local emission = tonumber(ARGV[1])
local latest = now + emission * ARGV[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = full_at + emission
local allowed = 0
local wait = after - latest
if after <= latest then
  allowed = 1
  wait = 0
  full_at = after
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
return {allowed, latest - full_at, full_at - now, wait}
