"""What the store is asked to do, each in one atomic step: the scripts, in Lua, and the order of their arguments.

What lives here: the protocol's logic on the side of the store. What must not: when a script is run, and what its
answer means for a request. Every script is idempotent for its owner token, so that a lost answer is harmless.

The keys of a resource share a hash tag, since a script may touch one slot only:

    L  lock    hash {o owner token, f fence, s phase (r read, w write, a abandoned), t taken at, d length in ms}
    Q  queue   sorted set of processes (their lives) that wait for the lock, by since when
    N  next    the process for which a free lock is kept for a moment, and for how many ms
    F  fence   the last fence given out in this bucket
    E  epoch   hash {id, replid, since, until, length}: which life of which server this is and since when, until when
               nothing is granted, and how long that was to take
    S  state   hash {floor, fence, and a record for each selector}: what is remembered; see `proxy.adapters.redis.state`
    C  count   hash {number}: that of the latest write, where writes are counted; see `state_scripts`
    R  rules   fingerprint of the rules under which the fleet works; bucket 0 only

All times in scripts are microseconds of the store's own clock; lengths given to PEXPIRE are milliseconds.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script. `sha` is the name under which the store caches it."""

    name: str
    text: str

    @property
    def sha(self) -> str:
        """The digest that EVALSHA asks for."""
        return _digest(self.text)


@lru_cache
def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function whole(number) return string.format('%.0f', number) end
"""

# A server that was restarted, or promoted, has another replication id; one that was flushed has no epoch. Either may
# have forgotten a lock under which somebody writes, so nothing is granted until such a write must be over. INFO in each
# call takes 3 microseconds and leaves no moment in which a new server could be mistaken for the old one.
LIFE: Final = """
local function life()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end
"""

_EPOCH: Final = (
    LIFE
    + """
local function begin(epoch, length, left)
  redis.call('HSET', epoch, 'length', whole(length), 'until', whole(now + left))
  return left
end
local function held_back(epoch, length, id)
  local replid = life()
  local known = redis.call('HMGET', epoch, 'replid', 'until', 'length')
  if known[1] ~= replid or not known[2] then
    redis.call('HSET', epoch, 'id', id, 'replid', replid, 'since', whole(now))
    return begin(epoch, length, length), 1
  end
  local left, planned = known[2] - now, tonumber(known[3] or length)
  local longest = math.max(planned, length)
  if left > longest then  -- the clock went back
    left = begin(epoch, longest, longest)
  elseif left > 0 and longest > planned then  -- who began it knew less of how long it has to take
    left = begin(epoch, longest, left + longest - planned)
  end
  return left, 0
end
"""
)

# Who has to wait is put down; whatever else stands there keeps nobody from the lock. A process has one place, whichever
# of its writers asks: at most one does at a time.
_TURN: Final = """
local function wait(queue, life)
  if type(redis.pcall('ZADD', queue, 'NX', whole(now), life)) ~= 'number' then redis.call('DEL', queue) end
  redis.call('PEXPIRE', queue, 60000)
end
local function kept(turn, life)  -- how long the lock is kept for another, in ms
  local known = redis.pcall('GET', turn)
  local whose, length = string.match(type(known) == 'string' and known or '', '^(%S+) (%d+)$')
  if not whose or whose == life then return 0 end
  local left = redis.call('PTTL', turn)
  return left <= tonumber(length) and left or 0  -- more: the clock went back
end
"""

ACQUIRE: Final = Script(
    "acquire",
    CLOCK
    + _EPOCH
    + _TURN
    + """
-- KEYS L F E Q N   ARGV token, length in ms, quarantine in us, epoch id, which is that of the process, too
-- {1, fence, now} granted; {0, ms left, phase, fence} another's, or kept for another
-- {-1, ms left, 1 if it begins now} quarantine
local left, begins = held_back(KEYS[3], tonumber(ARGV[3]), ARGV[4])
if left > 0 then return {-1, math.ceil(left / 1000), begins} end
local held = redis.call('HMGET', KEYS[1], 'o', 'f', 's', 'd')
if held[1] == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {1, held[2], whole(now)}
end
if held[1] then
  local ttl = redis.call('PTTL', KEYS[1])
  if ttl < 0 or ttl > tonumber(held[4]) then  -- the clock went back
    redis.call('PEXPIRE', KEYS[1], held[4])
    ttl = tonumber(held[4])
  end
  wait(KEYS[4], ARGV[4])
  return {0, ttl, held[3], held[2]}
end
local turn = kept(KEYS[5], ARGV[4])
if turn > 0 then
  wait(KEYS[4], ARGV[4])
  return {0, turn, 'r', '0'}
end
redis.call('DEL', KEYS[5])
redis.pcall('ZREM', KEYS[4], ARGV[4])
local fence = math.max(now, (redis.call('GET', KEYS[2]) or 0) + 1)
redis.call('SET', KEYS[2], whole(fence))
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'f', whole(fence), 's', 'r', 't', whole(now), 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, whole(fence), whole(now)}
""",
)

PHASE: Final = Script(
    "phase",
    CLOCK
    + _EPOCH
    + """
-- KEYS L E S   ARGV token, length in ms, quarantine in us, epoch id, how long S is kept in ms
-- {1, now} the write phase began, or was armed again; {0} the lease is lost; {-1} quarantine: it may be
if held_back(KEYS[2], tonumber(ARGV[3]), ARGV[4]) > 0 then return {-1} end
local held = redis.call('HMGET', KEYS[1], 'o', 'f')
if held[1] ~= ARGV[1] then return {0} end
redis.call('HSET', KEYS[1], 's', 'w', 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'floor', whole(now + ARGV[2] * 1000), 'fence', held[2])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return {1, whole(now)}
""",
)

RELEASE: Final = Script(
    "release",
    CLOCK
    + """
-- KEYS L S Q N   ARGV token, channel, how long S is kept in ms, for how many ms who waited for longest goes first
-- {1, how many processes wait, as far as this node knows} released; {0} it was not ours any more
local held = redis.call('HMGET', KEYS[1], 'o', 's', 'f')
if held[1] ~= ARGV[1] then return {0} end
redis.call('DEL', KEYS[1])
if held[2] ~= 'r' then
  redis.call('DEL', KEYS[2])  -- whatever it was: nothing that stands there may keep the lock
  redis.call('HSET', KEYS[2], 'floor', whole(now), 'fence', held[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local woken, waiting = redis.call('PUBLISH', ARGV[2], '1'), redis.pcall('ZCARD', KEYS[3])
if tonumber(ARGV[4]) > 0 then
  local first = redis.pcall('ZPOPMIN', KEYS[3])[1]
  if first then redis.call('SET', KEYS[4], first .. ' ' .. ARGV[4], 'PX', ARGV[4]) end
end
return {1, type(waiting) == 'number' and math.max(woken, waiting) or woken}
""",
)

ABANDON: Final = Script(
    "abandon",
    """
-- KEYS L   ARGV token, channel
-- {1} marked, so that whoever waits is told how long it takes; {0} it was not ours any more
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return {0} end
redis.call('HSET', KEYS[1], 's', 'a')
redis.call('PUBLISH', ARGV[2], '0')
return {1}
""",
)

SWEEP: Final = Script(
    "sweep",
    CLOCK
    + _EPOCH
    + """
-- KEYS E...   ARGV quarantine in us, epoch id
-- {the longest quarantine in ms, how many begin now, now}
local longest, begun = 0, 0
for _, epoch in ipairs(KEYS) do
  local left, begins = held_back(epoch, tonumber(ARGV[1]), ARGV[2])
  longest, begun = math.max(longest, left), begun + begins
end
return {math.ceil(longest / 1000), begun, whole(now)}
""",
)

VOUCH: Final = Script(
    "vouch",
    CLOCK
    + _EPOCH
    + """
-- KEYS E...   ARGV epoch id
-- {how many quarantines were ended}
local ended = 0
for _, epoch in ipairs(KEYS) do
  if held_back(epoch, 1, ARGV[1]) > 0 then ended = ended + 1 end
  redis.call('HSET', epoch, 'until', '0')
end
return {ended}
""",
)

RULES: Final = Script(
    "rules",
    """
-- KEYS R   ARGV fingerprint, how long it counts in ms
-- {1} the fleet works under these rules; {0, the others'} it works under others
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] then return {0, known} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1}
""",
)

ALL: Final = (ACQUIRE, PHASE, RELEASE, ABANDON, SWEEP, VOUCH, RULES)
