"""What the store is asked to do with what is remembered, each in one atomic step.

What lives here: the protocol's logic for `S`; its keys, and all else, are in `proxy.adapters.redis.scripts`. A server
that was restarted, promoted or flushed may have forgotten a write that made it forget something: what was selected
before its present life began is as good as nothing.
"""

from typing import Final

from proxy.adapters.redis.scripts import CLOCK, LIFE, Script

_SINCE: Final = (
    LIFE
    + """
local function since(epoch)  -- when this life of the server began; nil where that is not known
  local known = redis.call('HMGET', epoch, 'replid', 'since')
  return known[1] == life() and tonumber(known[2]) or nil
end
"""
)

RECALL: Final = Script(
    "recall",
    _SINCE
    + """
-- KEYS E S   ARGV selector
-- {1, record}; {0} there is none that counts
local began, record = since(KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1])
local earliest = string.match(record or '', '^(%d+) ')
if not began or not earliest or tonumber(earliest) <= began then return {0} end
return {1, record}
""",
)

REMEMBER: Final = Script(
    "remember",
    CLOCK
    + _SINCE
    + """
-- KEYS L S E   ARGV selector, record, began earliest, began latest, how long S is kept in ms, selectors at most, now as
-- the caller sees it, at the earliest
-- {1, 1 if another state was remembered} kept; {0} a write came in between, or a later selection is kept
-- A record begins with "earliest latest identity" and a line feed.
if tonumber(ARGV[7]) > now then return {0} end  -- the clock went back, and the caller does not know it
local began = since(KEYS[3])
if not began or tonumber(ARGV[3]) <= began then return {0} end
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
-- KEYS S   ARGV how long S is kept in ms, how much longer something may change, in us
local known = redis.call('HMGET', KEYS[1], 'fence', 'floor')
local floor = math.max(now + ARGV[2], tonumber(known[2] or 0))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'floor', whole(floor), 'fence', known[1] or '0')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {1}
""",
)

UNTOUCHED: Final = Script(
    "untouched",
    _SINCE
    + """
-- KEYS E S   ARGV a moment
-- {1} no write ended since then; {0} one did, or may have been forgotten
local began, floor = since(KEYS[1]), redis.call('HGET', KEYS[2], 'floor')
if not began or tonumber(ARGV[1]) <= began then return {0} end
return {floor and tonumber(floor) >= tonumber(ARGV[1]) and 0 or 1}
""",
)

# The number of a write is the store's time, so that none comes twice even if all are lost. One from before this life of
# the server may be older than the latest: a replica that is promoted need not have heard of that.
WRITES: Final = Script(
    "writes",
    CLOCK
    + _SINCE
    + """
-- KEYS C E   ARGV how long C is kept in ms
-- {1, number}
local began, count = since(KEYS[2]), redis.call('HGET', KEYS[1], 'number')
if not began or not string.match(count or '', '^%d+$') or tonumber(count) < began then
  count = whole(now)
  redis.call('HSET', KEYS[1], 'number', count)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {1, count}
""",
)

COUNT: Final = Script(
    "count",
    CLOCK
    + """
-- KEYS C   ARGV how long C is kept in ms
local count = tonumber(redis.call('HGET', KEYS[1], 'number') or 0) or 0
redis.call('HSET', KEYS[1], 'number', whole(math.max(count + 1, now)))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {1}
""",
)

ALL: Final = (RECALL, REMEMBER, FORGET, UNTOUCHED, WRITES, COUNT)
