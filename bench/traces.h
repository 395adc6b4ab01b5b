// Traces: the sequences of keys a cache is measured with, made from a seed, so that every policy
// and every peer is asked for the same.
//
//   zipf-0.8, zipf-0.99, zipf-1.2   independent, skewed: a few keys make most of the lookups
//   zipf-scan                       the same, and every tenth of it a scan of keys never seen again
//   loop                            all keys in turn, again and again
//   group-expansion-1, -2           one or two audits of sites that share groups
//   nightly                         seven audits in a row, two keys in a hundred changed between
//   them adversarial                     one hot tenth between floods of new keys asked for a few
//   times sizes                           zipf-0.99 with values from 100 bytes to a megabyte
//
// Errors: MakeTrace says kMalformed for a name it does not know, ReadTrace and WriteTrace kStorage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct Trace {
  Trace() = default;
  std::string name;
  std::vector<std::string> keys;        // Distinct, 66 bytes each.
  std::vector<std::uint32_t> sequence;  // Indices into `keys`.
  std::vector<std::uint32_t> sizes;     // Bytes of each key's value; empty: all the same.
};

struct TraceShape {
  TraceShape() = default;
  std::size_t keys = 100'000;
  std::size_t length = 1'000'000;  // About: audits and loops end where they end.
  std::uint64_t seed = 1;
};

const std::vector<std::string_view>& TraceNames();
Result<Trace> MakeTrace(std::string_view name, const TraceShape& shape);

// As a file: four little-endian words of 32 bits (number of keys, length of each, number of
// lookups, bytes of each value), the keys, the lookups as words. Without `sizes`.
Status WriteTrace(const Trace& trace, std::uint32_t value_bytes, const std::filesystem::path& file);
Result<Trace> ReadTrace(const std::filesystem::path& file);

}  // namespace spa
