// The Lua that makes a Redis keep what Store promises. Each script runs as one step of the server,
// on keys of one hash slot.
//
//   K           the envelope, under the key's own text
//   {K}:lease   the fence of who may fill it; ends by itself
//   {K}:fence   the last fence that was given out
//   {K}:new     the envelope that a script wrote, until it is moved to K in the same transaction:
//               NOLOOP does not cover what a script writes
//
// A fence is the server's clock in microseconds, or one more than the last where the clock has not
// moved on (or went back). So fences keep rising when {K}:fence has expired, and also when a
// replica that lagged took over.
//
// kTake, kHold and kLeave keep a common budget (cache/redis_budget.h).
//
// Threads: any; constants.
#pragma once

#include <array>
#include <string>

namespace spa {

enum class RedisScript {
  kPut,
  kAcquire,
  kRenew,
  kFill,
  kRelease,
  kIndex,
  kStamp,
  kTake,
  kHold,
  kLeave
};
inline constexpr std::size_t kRedisScripts = 10;

// Their sources, in the order of RedisScript. Keys and arguments are told beside each.
const std::array<std::string, kRedisScripts>& RedisScriptSources();

// What a Redis user needs, and no more: for ACL SETUSER (Redis 7). A test runs the store with it.
inline constexpr char kRedisAcl[] =
    "resetkeys ~sharepoint_audit:* ~{sharepoint_audit:* resetchannels -@all "
    "+hello +ping +client|tracking +script|load +evalsha +multi +exec +rename +get +set +strlen "
    "+unlink +scan +time "
    "+pttl +pexpire +zadd +zrem +zscan +zremrangebyscore +hincrby +hgetall +cluster|slots +asking "
    "+acl|whoami +acl|dryrun";

}  // namespace spa
