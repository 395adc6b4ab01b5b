#include "cache/redis/slots.h"

#include <algorithm>
#include <charconv>

namespace spa {
namespace {

constexpr std::array<std::uint16_t, 256> Crc16Table() {  // CCITT, polynomial 0x1021 (XMODEM)
  std::array<std::uint16_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 0x8000U ? (crc << 1) ^ 0x1021U : crc << 1;
    table[i] = static_cast<std::uint16_t>(crc);
  }
  return table;
}
constexpr auto kCrc16 = Crc16Table();

template <class T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::uint16_t SlotOf(std::string_view key) {
  if (const auto open = key.find('{'); open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  std::uint16_t crc = 0;
  for (const char c : key) {
    crc = static_cast<std::uint16_t>((crc << 8) ^
                                     kCrc16[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xFF]);
  }
  return crc % kRedisSlots;
}

std::optional<SlotTable> SlotTable::Read(const Resp& answer, const RedisHost& asked) {
  if (answer.type != Resp::Type::kArray) return {};
  SlotTable table;
  for (const Resp& range : answer.items) {
    if (range.items.size() < 3 || range.items[2].items.size() < 2) return {};
    const std::int64_t from = range.items[0].integer, to = range.items[1].integer;
    const Resp& master = range.items[2];
    const std::int64_t port = master.items[1].integer;
    if (from < 0 || to < from || to >= kRedisSlots || port < 1 || port > 65535) return {};
    RedisHost host(master.items[0].text, static_cast<std::uint16_t>(port));
    if (host.host.empty() || host.host == "?") host.host = asked.host;
    auto known = std::find_if(table.masters.begin(), table.masters.end(),
                              [&](const RedisHost& other) { return other.Name() == host.Name(); });
    if (known == table.masters.end()) {
      if (table.masters.size() >= 1000) return {};
      known = table.masters.insert(known, std::move(host));
    }
    std::fill(table.node_of.begin() + from, table.node_of.begin() + to + 1,
              static_cast<std::int16_t>(known - table.masters.begin()));
  }
  if (table.masters.empty()) return {};
  return table;
}

std::optional<Redirect> Redirect::Read(std::string_view error, const RedisHost& asked) {
  Redirect redirect;
  if (error.starts_with("ASK ")) {
    redirect.ask = true;
    error.remove_prefix(4);
  } else if (error.starts_with("MOVED ")) {
    error.remove_prefix(6);
  } else {
    return {};
  }
  const auto space = error.find(' ');
  const auto colon = error.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
    return {};
  const auto slot = Number<std::uint16_t>(error.substr(0, space));
  const auto port = Number<std::uint16_t>(error.substr(colon + 1));
  if (!slot || *slot >= kRedisSlots || !port || *port == 0) return {};
  redirect.slot = *slot;
  redirect.to = RedisHost(std::string(error.substr(space + 1, colon - space - 1)), *port);
  if (redirect.to.host.empty()) redirect.to.host = asked.host;
  return redirect;
}

}  // namespace spa
