"""What the store is asked to do with what is remembered, each in one atomic step.

What lives here: the protocol's logic for `S`; its keys, and all else, are in `proxy.adapters.redis.scripts`.
"""

from typing import Final

from proxy.adapters.redis.scripts import CLOCK, Script

REMEMBER: Final = Script(
    "remember",
    """
-- KEYS L S   ARGV selector, record, began earliest, began latest, how long S is kept in ms, selectors at most
-- {1, 1 if another state was remembered} kept; {0} a write came in between, or a later selection is kept
-- A record begins with "earliest latest identity" and a line feed.
local phase = redis.call('HGET', KEYS[1], 's')
if phase and phase ~= 'r' then return {0} end
local known = redis.call('HMGET', KEYS[2], 'floor', ARGV[1], 'fence')
if tonumber(known[1] or 0) >= tonumber(ARGV[3]) then return {0} end  -- at 0 it began at a time nobody knows
local changed = 0
local earliest, identity = string.match(known[2] or '', '^(%d+) %d+ ([^\\n]*)')
if earliest then
  if tonumber(earliest) > tonumber(ARGV[4]) then return {0} end
  changed = identity ~= string.match(ARGV[2], '^%d+ %d+ ([^\\n]*)') and 1 or 0
elseif not known[2] and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[6]) + 2 then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'floor', known[1] or '0', 'fence', known[3] or '0')
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1, changed}
""",
)

FORGET: Final = Script(
    "forget",
    CLOCK
    + """
-- KEYS S   ARGV how long S is kept in ms
local known = redis.call('HMGET', KEYS[1], 'fence', 'floor')
local floor = math.max(now, tonumber(known[2] or 0))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'floor', whole(floor), 'fence', known[1] or '0')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {1}
""",
)

ALL: Final = (REMEMBER, FORGET)
