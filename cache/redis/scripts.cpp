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

std::string With(const char* script) { return std::string(kShared) + script; }

}  // namespace

const std::array<std::string, kRedisScripts>& RedisScriptSources() {
  static const std::array<std::string, kRedisScripts> sources = {
      With(kPut),     With(kAcquire), With(kRenew), With(kFill),
      With(kRelease), With(kIndex),   With(kStamp)};
  return sources;
}

}  // namespace spa
