-- Slows down guessing the password of one account, each call one atomic step, on Redis' own clock, so
-- that servers with different clocks count alike. The rule is that of the port (ports/throttle.rs).
--
-- KEYS[1] the count, ARGV[1] `admit` or an outcome: `right`, `wrong` or `unknown`; ARGV[2] failures in a
-- row before there is a wait, ARGV[3] the longest wait in seconds, ARGV[4] concurrent attempts, ARGV[5]
-- seconds after which an unsettled attempt counts as ended; ARGV[6] seconds for which a failure counts.
-- Returns the seconds to wait; 0 for an admitted attempt and after an outcome.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local free, longest = tonumber(ARGV[2]), tonumber(ARGV[3])
local at_once, lease, forget = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local kept = redis.call('HMGET', KEYS[1], 'failures', 'failed_at', 'under_way', 'admitted_at')
local failures, failed_at = tonumber(kept[1] or 0), tonumber(kept[2] or now)
local under_way, admitted_at = tonumber(kept[3] or 0), tonumber(kept[4] or now)
-- If the clock was set back (a failover), stored times lie in the future. They are cut to now, or a user
-- would wait until the clock has caught up. The cut values are stored, also if nothing is admitted.
failed_at, admitted_at = math.min(failed_at, now), math.min(admitted_at, now)
if now - failed_at >= forget then failures = 0 end
if now - admitted_at >= lease then under_way = 0 end

local wait = 0
if ARGV[1] == 'admit' then
  if failures >= free then
    -- 1, 2, 4, ... seconds. The exponent is capped, because 2 ^ 1024 is infinite in Lua.
    local penalty = math.min(2 ^ math.min(failures - free, 32), longest)
    wait = math.max(math.ceil(failed_at + penalty - now), 0)
    -- One at a time from here on: concurrent attempts would share one wait.
    at_once = 1
  end
  if under_way >= at_once then wait = math.max(wait, 1) end
  if wait == 0 then under_way, admitted_at = under_way + 1, now end
else
  under_way = math.max(under_way - 1, 0)
  if ARGV[1] == 'right' then failures = 0 end
  if ARGV[1] == 'wrong' then failures, failed_at = failures + 1, now end
end

if failures == 0 and under_way == 0 then
  redis.call('DEL', KEYS[1])
  return wait
end
redis.call('HSET', KEYS[1], 'failures', failures, 'failed_at', string.format('%.6f', failed_at),
  'under_way', under_way, 'admitted_at', string.format('%.6f', admitted_at))
local over = 0
if failures > 0 then over = failed_at + forget end
if under_way > 0 then over = math.max(over, admitted_at + lease) end
redis.call('PEXPIRE', KEYS[1], math.max(math.ceil((over - now) * 1000), 1))
return wait
