// RedisStore: a second level that several hosts share: one Redis, a ring of independent ones, or a
// Redis Cluster (cache/redis/endpoint.h has the URLs).
//
// One connection a server (cache/redis/connection.h); what must happen in one step is Lua on the
// server (cache/redis/scripts.h). Scans are SCAN and UNLINK, never KEYS, never FLUSHDB: what others
// keep in the same Redis is not touched.
//
// Keys:
//   sharepoint_audit:…                            values, under the key's own text
//   {sharepoint_audit:…}:lease, …}:fence          of a value, in its slot
//   {sharepoint_audit:tag:INDEX=VALUE}            sorted set: the index of a tag, by expiry
//   {sharepoint_audit:stamp:INDEX=VALUE}          milliseconds since the epoch; stays as long as
//                                                 the index, and thirty days at least
//   {sharepoint_audit:erased}…                    written and dropped at once: tells others of an
//   erase
//                                                 where nothing was, and of Clear ("*")
//   {sharepoint_audit:counters}                   hash
// With a namespace NS each begins with sharepoint_audit:NS: instead of sharepoint_audit:.
// Only the values, and the stamps, are watched: a stamp by others is told as a change of
// everything.
//
// When a server is away, its keys are misses and all others work: Get gives nothing for them,
// unless nobody answered; whatever must not be taken for done (Put, Erase, Scan, Clear) is an
// error. In a cluster MOVED and ASK are followed, and the slots are read anew when an owner fails.
//
// Bounds: expiry has milliseconds and starts at the server when the write arrives. How large Redis
// may grow is its maxmemory; an evicted lease or value is as one that has expired.
// NOLOOP is only exact since 7.0.5; before it, own writes may come back as changes of others.
// Info counts our values by scanning; its bytes are an estimate from a sample of 1000.
//
// Threads, lifetime, errors: as every Store. kUnsupported: older than Redis 6.
#pragma once

#include <memory>
#include <string_view>

#include "cache/redis/endpoint.h"
#include "cache/store.h"
#include "cache/store_security.h"

namespace spa {

// kUsage where the URL is none (ParseRedisUrl).
Result<std::unique_ptr<Store>> MakeRedisStore(asio::any_io_executor executor, std::string_view url,
                                              const StoreOptions& options,
                                              const StoreSecurity& security);

}  // namespace spa
