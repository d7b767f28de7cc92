"""What is done in Redis in one atomic step each, as Lua scripts.

The first two keys are always the room's hash (``id``, ``epoch``, ``last``, ``time``) and its stream, whose entries
are numbered ``seq-0`` and have the fields ``t``, the time, and ``e``, the event. Numbers become text by ``%.0f``:
Lua would write large ones with an exponent.
"""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple

SLICE = 500
"""How many events of a room are removed at most in one step, while which Redis serves nobody else."""


class Script(NamedTuple):
    """A script, and the name under which Redis knows it once it has run."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, sha1(text.encode()).hexdigest())  # noqa: S324 # this is how Redis names scripts


OPEN = _script("""
-- epoch, id, last, time for a room that is not known -> epoch, oldest, last, whether it was not known
local room = redis.call('HMGET', KEYS[1], 'epoch', 'last')
local is_new = 0
if not room[1] then
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'id', ARGV[2], 'last', ARGV[3], 'time', ARGV[4])
    room, is_new = {ARGV[1], ARGV[3]}, 1
end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return {room[1], oldest[1] and oldest[1][1] or '', room[2], is_new}
""")

APPEND = _script("""
-- epoch and first seq, both empty for whatever comes next; epoch and id for a room that is not known; time, how
-- many to keep; when keys expire and in how many milliseconds; how many events; the events; for each key which
-- event's; and where the event, then the only one, is to be published: the channel, for whom it differs, and by
-- which command
-- -> 'stored', epoch, first seq, and 'announced' where it was published | 'duplicate', epoch, seq | 'conflict',
-- epoch, last
local room = redis.call('HMGET', KEYS[1], 'epoch', 'last', 'id')
local epoch, last, id = room[1], tonumber(room[2]), room[3]
if ARGV[2] == '' then
    if not epoch then
        epoch, last, id = ARGV[3], 0, ARGV[4]
        redis.call('DEL', KEYS[2])
    elseif KEYS[3] then
        local owner, seq, expires = string.match(redis.call('GET', KEYS[3]) or '', '^(%S+) (%S+) (%S+)$')
        if owner == id and tonumber(expires) > tonumber(ARGV[5]) then
            return {'duplicate', epoch, seq}
        end
    end
elseif epoch ~= ARGV[1] or last + 1 ~= tonumber(ARGV[2]) then
    return {'conflict', epoch or '', room[2] or '0'}
end
local first, count = last + 1, tonumber(ARGV[9])
for i = 1, count do
    redis.call('XADD', KEYS[2], string.format('%.0f-0', last + i), 't', ARGV[5], 'e', ARGV[9 + i])
end
for i = 3, #KEYS do
    local seq = string.format('%.0f', last + tonumber(ARGV[9 + count + i - 2]))
    redis.call('SET', KEYS[i], id .. ' ' .. seq .. ' ' .. ARGV[7], 'PX', ARGV[8])
end
last = string.format('%.0f', last + count)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'id', id, 'last', last, 'time', ARGV[5])
redis.call('XTRIM', KEYS[2], 'MAXLEN', '~', ARGV[6])
local channel, for_whom = ARGV[8 + count + #KEYS], ARGV[9 + count + #KEYS]
if channel then
    -- As Publication.to_bytes makes it.
    local head = '[' .. cjson.encode(epoch) .. ',' .. last .. ',' .. for_whom .. ']\\n'
    local numbered = string.sub(ARGV[10], 1, -2) .. ',"seq":' .. last .. '}'
    if type(redis.pcall(ARGV[10 + count + #KEYS], channel, head .. numbered)) == 'number' then
        return {'stored', epoch, last, 'announced'}
    end
end
return {'stored', epoch, string.format('%.0f', first)}
""")

READ = _script("""
-- XRANGE or XREVRANGE, where to start and to stop, at most how many -> the oldest id, the events from there on
-- As entries they would be seven values each for the client to parse.
local entries = redis.call(ARGV[1], KEYS[2], ARGV[2], ARGV[3], 'COUNT', ARGV[4])
local from, to, step = 1, #entries, 1
if ARGV[1] == 'XREVRANGE' then
    from, to, step = to, from, -1
end
local found = {entries[from] and entries[from][1]}
for i = from, to, step do
    found[#found + 1] = entries[i][2][4]
end
return found
""")

FIND_KEY = _script("""
-- now -> seq, or nothing
local owner, seq, expires = string.match(redis.call('GET', KEYS[3]) or '', '^(%S+) (%S+) (%S+)$')
if owner and owner == redis.call('HGET', KEYS[1], 'id') and tonumber(expires) > tonumber(ARGV[1]) then
    return seq
end
return false
""")

CUT = _script("""
-- up to which seq, or how many to keep, the other empty; up to which time; at most how many; up to which time of
-- the last append the room is forgotten when it is empty -> how many events were removed
local room = redis.call('HMGET', KEYS[1], 'last', 'time')
if not room[1] then
    return 0
end
local up_to = tonumber(ARGV[1]) or tonumber(room[1]) - tonumber(ARGV[2])
local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[4])
local removed, newest = 0, 0
for _, entry in ipairs(entries) do
    local seq = tonumber(string.match(entry[1], '^%d+'))
    if seq > up_to and tonumber(entry[2][2]) > tonumber(ARGV[3]) then
        break
    end
    removed, newest = removed + 1, seq
end
if removed > 0 then
    redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', newest + 1))
end
if removed == #entries and removed < tonumber(ARGV[4]) and tonumber(room[2]) <= tonumber(ARGV[5]) then
    redis.call('DEL', KEYS[1], KEYS[2])
end
return removed
""")

RENEW = _script("""
-- the old epoch, the new one -> epoch, oldest, last; or nothing where the room is not known
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
    return false
end
if epoch == ARGV[1] then
    epoch = ARGV[2]
    redis.call('HSET', KEYS[1], 'epoch', epoch)
end
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return {epoch, oldest[1] and oldest[1][1] or '', redis.call('HGET', KEYS[1], 'last')}
""")
