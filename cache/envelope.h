// The envelope: how an entry looks outside this process, in a Store or a backup.
//
//   magic "SPAC", version, flags, schema, fence, created, fresh, stale, error deadlines,
//   tags, raw length, payload (zstd where it pays), optional 16-byte MAC
//
// All times are absolute, in milliseconds since the epoch: copying an entry never extends its life.
// The fence stands at kFenceOffset as eight little-endian bytes, so that a store can write it
// without understanding the rest; the MAC does not cover it.
//
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

// `key` is bound into the MAC: an envelope moved under another key is forged.
std::string Seal(const Envelope& envelope, std::string_view key, const SealOptions& options);

enum class OpenProblem { kNone, kForeign, kVersion, kCorrupt, kForged };
struct Opened {
  Opened() = default;
  std::optional<Envelope> envelope;
  OpenProblem problem = OpenProblem::kNone;  // Why there is none.
};
Opened OpenEnvelope(std::string_view bytes, std::string_view key, const SealOptions& options);

std::uint64_t FenceOf(std::string_view bytes);              // 0 where it is too short.
void SetFence(std::string& bytes, std::uint64_t fence);

}  // namespace spa
