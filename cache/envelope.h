// The envelope: how an entry looks outside this process, in a Store or a backup.
//
//   magic "SPAC", version, flags, schema, fence, created, fresh, stale, error deadlines,
//   raw length, tags, payload (zstd where it pays), 16 bytes of seal
//
// All times are absolute, in milliseconds since the epoch: copying an entry never extends its life.
// The fence stands at kFenceOffset as eight little-endian bytes, so that a store can write it
// without understanding the rest; the seal does not cover it.
//
// The seal covers everything else and the key. With a mac_key it is a MAC (HMAC-SHA-256, cut),
// which a forger cannot make; without one it is a checksum, which tells accidents alone.
//
// Threads: any.
// Errors: Open returns nothing for what is foreign, corrupt, of another version, forged, or too
// large: to the cache that is a miss. It never throws and never reads beyond its input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/entry.h"
#include "cache/tag.h"

namespace spa {

inline constexpr std::size_t kFenceOffset = 8;
inline constexpr std::size_t kLargestPayload = std::size_t{64} << 20;  // A longer one is corrupt.

struct Envelope {
  Envelope() = default;
  int schema = 0;  // Of the kind, as in the key.
  std::uint64_t fence = 0;
  CacheTime created, fresh_until, stale_until, error_until;  // In this order, each <= the next.
  std::vector<Tag> tags;
  std::string payload;      // As Codec<T> wrote it.
  bool compressed = false;  // Set by Open: how it was stored.

  CacheTime expires() const { return error_until; }
};

struct SealOptions {
  SealOptions() = default;
  std::size_t compress_from = 1000;  // bytes of payload
  int compression_level = 1;         // zstd, 1 to 19
  std::string mac_key;               // Empty: no MAC is written, none demanded.
};

// An envelope pays for compression where that saves at least 12 % (cache.md C.4 "Envelope"). `key`
// is bound into the MAC: an envelope moved under another key is forged. Requires: a payload of at
// most kLargestPayload.
std::string Seal(const Envelope& envelope, std::string_view key, const SealOptions& options);

enum class OpenProblem { kNone, kForeign, kVersion, kCorrupt, kForged };
struct Opened {
  Opened() = default;
  std::optional<Envelope> envelope;
  OpenProblem problem = OpenProblem::kNone;  // Why there is none.
};
Opened OpenEnvelope(std::string_view bytes, std::string_view key, const SealOptions& options);

std::uint64_t FenceOf(std::string_view bytes);  // 0 where it is no envelope.
void SetFence(std::string& bytes, std::uint64_t fence);

// The format before there were envelopes: a bare JSON document, an object or array. To OpenEnvelope
// it is kForeign; a reader that knows the key may take it up by this, as of schema 0, and should
// say once that it is deprecated. Nothing where it is no such document. It cannot tell when it was
// created, nor can it be trusted where a MAC is demanded.
std::optional<Envelope> AdoptPlainJson(std::string_view bytes, CacheTime created,
                                       CacheTime expires);

}  // namespace spa
