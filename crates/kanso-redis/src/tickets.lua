-- Stores a ticket in one atomic step, and drops the oldest tickets of the same user beyond a number.
--
-- KEYS[1] the ticket, KEYS[2] the keys of the user's tickets, newest first. ARGV[1] the stored form,
-- ARGV[2] the seconds until it is dropped, ARGV[3] most tickets of a user. A ticket that was used stays in
-- the list until it is the oldest.
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('LPUSH', KEYS[2], KEYS[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
for _, old in ipairs(redis.call('LRANGE', KEYS[2], ARGV[3], -1)) do
  redis.call('DEL', old)
end
redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
