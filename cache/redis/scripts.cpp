#include "cache/redis/scripts.h"

#include "cache/envelope.h"

namespace spa {
namespace {

static_assert(kFenceOffset == 8, "the scripts patch bytes 9 to 16");

// Lua prints large numbers with an exponent, hence Text().
constexpr char kShared[] = R"lua(
local function Text(n) return string.format('%.0f', n) end
local function NextFence(key, keep)
  local t = redis.call('TIME')
  local now = t[1] * 1000000 + t[2]
  local last = tonumber(redis.call('GET', key) or '0') or 0
  if last >= now then now = last + 1 end
  redis.call('SET', key, Text(now), 'PX', Text(keep + 3600000))
  return now
end
local function Sealed(envelope, fence)
  if #envelope < 16 then return envelope end
  return envelope:sub(1, 8) .. struct.pack('<I8', fence) .. envelope:sub(17)
end
)lua";

// K, lease, fence, new; envelope, milliseconds to live, when, fence as it stands in an envelope.
// The new fence, or null where `when` did not hold.
constexpr char kPut[] = R"lua(
local when = ARGV[3]
if when ~= 'always' then
  local old = redis.call('GET', KEYS[1])
  if when == 'absent' and old then return false end
  if when == 'present' and not old then return false end
  if when == 'fence' and (not old or old:sub(9, 16) ~= ARGV[4]) then return false end
end
local ttl = tonumber(ARGV[2])
local fence = NextFence(KEYS[3], math.max(ttl, 0))
redis.call('UNLINK', KEYS[2])
if ttl > 0 then
  redis.call('SET', KEYS[4], Sealed(ARGV[1], fence), 'PX', ARGV[2])
else
  redis.call('UNLINK', KEYS[1])
end
return fence
)lua";

// K, lease, fence; milliseconds. The envelope; or the milliseconds another's lease has left; or
// {fence}: the caller has the lease now.
constexpr char kAcquire[] = R"lua(
local value = redis.call('GET', KEYS[1])
if value then return value end
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return left end
local fence = NextFence(KEYS[3], tonumber(ARGV[1]))
redis.call('SET', KEYS[2], Text(fence), 'PX', ARGV[1])
return {fence}
)lua";

// lease; fence, milliseconds. 1, or 0: it is lost.
constexpr char kRenew[] = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
)lua";

// lease, new; envelope, milliseconds to live, fence. 1, or 0: the lease is lost.
constexpr char kFill[] = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return 0 end
redis.call('UNLINK', KEYS[1])
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[2], Sealed(ARGV[1], tonumber(ARGV[3])), 'PX', ARGV[2])
end
return 1
)lua";

// lease; fence.
constexpr char kRelease[] = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
)lua";

// the index of a tag; now, then pairs of expiry and key. What has expired leaves; the index lives
// as long as the last of its keys.
constexpr char kIndex[] = R"lua(
local last = 0
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
  last = math.max(last, tonumber(ARGV[i]))
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
local ttl = last - tonumber(ARGV[1])
if ttl > redis.call('PTTL', KEYS[1]) then redis.call('PEXPIRE', KEYS[1], Text(ttl)) end
return 1
)lua";

// the stamp of a tag, new; milliseconds since the epoch, milliseconds to live. It only moves
// forward.
constexpr char kStamp[] = R"lua(
local old = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if tonumber(ARGV[1]) <= old then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
)lua";

// minute, day, hold, members; who asks ("2/4": the second of four), the time of the last answer
// that reached it (0: none), units it spent on its own since (in the last minute, in all), need,
// want, then of each window: limit, milliseconds of a slot, slots; milliseconds of silence after
// which a member is away. {units taken, milliseconds to wait, whether for the hold, units left of
// the day or -1}. A window is a text of "slot:units", oldest first; members are one of
// "2/4@milliseconds".
constexpr char kTake[] = R"lua(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local me, heard, away = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[13])
local of = me:match('/(%d+)$')
local was, absent, here = nil, 0, {}
for id, n, seen in (redis.call('GET', KEYS[4]) or ''):gmatch('(%d+/(%d+))@(%d+)') do
  local ago = now - seen
  if id == me then
    was = tonumber(seen)
  elseif ago < away or (n == of and ago < 86400000) then
    here[#here + 1] = id .. '@' .. seen
    if ago >= away then absent = absent + 1 end
  end
end
here[#here + 1] = me .. '@' .. Text(math.max(was or (heard == 0 and now or 0), heard))
redis.call('SET', KEYS[4], table.concat(here, ' '), 'PX', '86400000')
local held = redis.call('PTTL', KEYS[3])
if heard > 0 and not was then
  local minute = tonumber(ARGV[8]) * tonumber(ARGV[9])
  if held < minute then
    held = minute
    redis.call('SET', KEYS[3], '1', 'PX', Text(minute))
  end
end

local need, want = tonumber(ARGV[5]), tonumber(ARGV[6])
local wait, windows = 0, {}
for i = 1, 2 do
  local limit, length, slots = tonumber(ARGV[3 * i + 4]), tonumber(ARGV[3 * i + 5]), tonumber(ARGV[3 * i + 6])
  if i == 1 then limit = limit - absent * math.floor(limit / of) end
  local slot = math.floor(now / length)
  local spent, total = {}, 0
  for at, units in (redis.call('GET', KEYS[i]) or ''):gmatch('(%d+):(%d+)') do
    at, units = tonumber(at), tonumber(units)
    if at > slot - slots then
      spent[#spent + 1] = {at, units}
      total = total + units
      slot = math.max(slot, at)
    end
  end
  local window = {key = KEYS[i], limit = limit, slot = slot, spent = spent, total = total,
                  lasts = length * slots}
  windows[i] = window
  function window.Add(units)
    if units <= 0 then return end
    local last = spent[#spent]
    if last and last[1] == slot then
      last[2] = last[2] + units
    else
      spent[#spent + 1] = {slot, units}
    end
    window.total = window.total + units
    local words = {}
    for k = 1, #spent do words[k] = Text(spent[k][1]) .. ':' .. Text(spent[k][2]) end
    redis.call('SET', window.key, table.concat(words, ' '), 'PX', Text(window.lasts))
  end
  window.Add(tonumber(ARGV[2 + i]))
  if limit > 0 and window.total + want > limit then
    want = math.max(need, limit - window.total)
    local left, k = window.total, 1
    while left > 0 and left + need > limit do
      left = left - spent[k][2]
      wait = math.max(wait, (spent[k][1] + slots) * length - now)
      k = k + 1
    end
  end
end
local taken = 0
if held > 0 then
  wait = held
elseif want <= 0 then
  wait = 0
elseif wait == 0 then
  taken = want
  for i = 1, 2 do windows[i].Add(want) end
end
local day = windows[2]
return {taken, wait, held > 0 and 1 or 0,
        day.limit > 0 and math.max(0, day.limit - day.total) or -1, now}
)lua";

// hold; milliseconds.
constexpr char kHold[] = R"lua(
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 1
)lua";

// members; who leaves.
constexpr char kLeave[] = R"lua(
local left = {}
for id, seen in (redis.call('GET', KEYS[1]) or ''):gmatch('(%d+/%d+)@(%d+)') do
  if id ~= ARGV[1] then left[#left + 1] = id .. '@' .. seen end
end
if #left == 0 then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], table.concat(left, ' '), 'PX', '86400000')
end
return 1
)lua";

std::string With(const char* script) { return std::string(kShared) + script; }

}  // namespace

const std::array<std::string, kRedisScripts>& RedisScriptSources() {
  static const std::array<std::string, kRedisScripts> sources = {
      With(kPut),   With(kAcquire), With(kRenew), With(kFill), With(kRelease),
      With(kIndex), With(kStamp),   With(kTake),  With(kHold), With(kLeave)};
  return sources;
}

}  // namespace spa
