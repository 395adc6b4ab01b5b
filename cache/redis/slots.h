// SlotTable: which node of a Redis Cluster serves which of the 16384 hash slots.
//
// Threads: one at a time.
// Errors: Read gives nothing for an answer that is no slot table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/redis/endpoint.h"
#include "cache/redis/resp3.h"

namespace spa {

inline constexpr std::uint16_t kRedisSlots = 16384;

// CRC16 of what stands in the first braces, else of the whole key, as Redis has it.
std::uint16_t SlotOf(std::string_view key);

struct SlotTable {
  SlotTable() : node_of(kRedisSlots, -1) {}
  std::vector<RedisHost> masters;
  std::vector<std::int16_t> node_of;  // By slot: an index into masters; -1: nobody serves it.

  // From the answer to CLUSTER SLOTS. `asked`: stands in where a node says "the host you asked".
  static std::optional<SlotTable> Read(const Resp& answer, const RedisHost& asked);
};

// "MOVED 3999 127.0.0.1:6381" and "ASK 3999 127.0.0.1:6381".
struct Redirect {
  Redirect() = default;
  bool ask = false;
  std::uint16_t slot = 0;
  RedisHost to;
  static std::optional<Redirect> Read(std::string_view error, const RedisHost& asked);
};

}  // namespace spa
