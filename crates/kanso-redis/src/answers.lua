-- Stores a statistic in one atomic step. Drops the oldest ones of the same user beyond a number, and the
-- oldest of all users beyond a size, so that statistics cannot displace rate limits from the memory.
--
-- KEYS[1] the statistic, KEYS[2] the keys of the user's statistics, newest first, KEYS[3] all statistics,
-- newest first, as "end size key", KEYS[4] the sum of their sizes. ARGV[1] the stored form, ARGV[2] the
-- seconds until it is dropped, ARGV[3] most statistics of a user, ARGV[4] most bytes in all.
local now = tonumber(redis.call('TIME')[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('LPUSH', KEYS[2], KEYS[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
for _, old in ipairs(redis.call('LRANGE', KEYS[2], ARGV[3], -1)) do
  redis.call('DEL', old)
end
redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
-- If one of the two was evicted, both begin anew: what they listed expires by itself.
if redis.call('EXISTS', KEYS[3], KEYS[4]) < 2 then
  redis.call('DEL', KEYS[3], KEYS[4])
end
-- With the key, which three places hold, and what Redis needs for a key and two list elements.
local size = #ARGV[1] + 3 * #KEYS[1] + 200
redis.call('LPUSH', KEYS[3], string.format('%d %d %s', now + ARGV[2], size, KEYS[1]))
local total = redis.call('INCRBY', KEYS[4], size)
while true do
  local oldest = redis.call('LINDEX', KEYS[3], -1)
  if not oldest then
    break
  end
  local ends, bytes, key = string.match(oldest, '^(%d+) (%d+) (.+)$')
  local lives = key ~= nil and tonumber(ends) > now
  if lives and total <= tonumber(ARGV[4]) then
    break
  end
  redis.call('RPOP', KEYS[3])
  if lives then
    redis.call('DEL', key)
  end
  total = redis.call('DECRBY', KEYS[4], bytes or 0)
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
redis.call('EXPIRE', KEYS[4], ARGV[2])
