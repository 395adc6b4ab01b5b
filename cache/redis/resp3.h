// RESP3, the language of Redis 6 and later, as bytes only: commands go out, values come in.
//
// RespParser is fed bytes as they arrive, in pieces of any size, and yields whole values. Nothing
// is trusted: lines, strings, depth and the number of elements are bounded, and no length that the
// far end claims is allocated before its bytes have come. After the first fault the parser stays
// faulty: the connection is to be closed.
//
// Attributes ('|') are read and dropped. Lengths that are "streamed" ('?') are a fault: no Redis
// sends them. Of RESP2, "$-1" and "*-1" are nulls.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spa {

struct Resp {
  enum class Type : std::uint8_t {
    kNull,
    kString,  // Simple, bulk or verbatim (without its three-letter format).
    kError,   // text: "WRONGPASS invalid …"
    kInteger,
    kDouble,
    kBool,       // integer is 0 or 1
    kBigNumber,  // text: the digits
    kArray,
    kSet,
    kMap,   // items: key, value, key, value, …
    kPush,  // Not an answer to anything; items[0] says what it is.
  };

  Resp() = default;

  bool IsNull() const { return type == Type::kNull; }
  bool IsError() const { return type == Type::kError; }
  // "NOSCRIPT", of an error's text.
  std::string_view ErrorWord() const;
  // Of a map: the value under `key`, or nullptr.
  const Resp* At(std::string_view key) const;

  Type type = Type::kNull;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<Resp> items;
};

class RespParser {
 public:
  struct Limits {
    Limits() = default;
    std::size_t depth = 16;                       // aggregates within each other
    std::size_t line = std::size_t{64} << 10;     // bytes
    std::size_t text = std::size_t{64} << 20;     // bytes of the strings of one value
    std::size_t elements = std::size_t{1} << 20;  // of one value, all levels together
  };

  RespParser() = default;
  explicit RespParser(Limits limits) : limits_(limits) {}

  void Feed(std::string_view bytes);
  // The next whole value; nothing: more bytes are needed, or there was a fault.
  std::optional<Resp> Next();
  // What is wrong with the bytes; empty: nothing yet.
  const std::string& fault() const { return fault_; }

 private:
  struct Frame {
    Frame() = default;
    Resp value;
    std::size_t missing = 0;
    bool attribute = false;
  };

  std::optional<std::string_view> Line();
  bool Value(Resp& value);  // False: incomplete, faulty, or an aggregate was begun.
  bool Begin(Resp::Type type, std::string_view count, std::size_t times, bool attribute);
  bool Fault(std::string what);

  Limits limits_;
  std::string buffer_;
  std::size_t at_ = 0;        // Read so far.
  std::size_t searched_ = 0;  // No line ends before here.
  std::vector<Frame> open_;
  std::size_t elements_ = 0, text_bytes_ = 0;  // Of the value that is coming.
  std::optional<std::size_t> text_length_;     // Of the string whose bytes are coming.
  char text_kind_ = 0;
  std::string fault_;
};

// Appends a command: an array of bulk strings.
void AppendCommand(std::string& out, std::span<const std::string_view> words);
void AppendCommand(std::string& out, std::initializer_list<std::string_view> words);

}  // namespace spa
