// Secret: a text that does not print itself and leaves nothing behind: its bytes are overwritten
// when it is released, replaced or moved away (cache.md C.4 "Security"). Reveal() is for the wire
// alone.
//
// What it was made from and what Reveal() was copied into are its user's to wipe (Wipe).
// Comparing takes the same time wherever the first difference is.
//
// Threads: like a std::string.
#pragma once

#include <string>
#include <string_view>

namespace spa {

// Overwrites all that the text holds, also what it once held behind its end, and empties it.
void Wipe(std::string& text) noexcept;

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) {
    value_.swap(value);
    Wipe(value);  // A short one was copied.
  }
  explicit Secret(std::string_view value) : value_(value) {}
  explicit Secret(const char* value) : value_(value) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept {
    value_.swap(other.value_);
    Wipe(other.value_);
  }
  Secret& operator=(Secret other) noexcept {
    value_.swap(other.value_);  // A short one lies in the object itself; `other` wipes it.
    return *this;
  }
  ~Secret() { Wipe(value_); }

  bool empty() const { return value_.empty(); }
  const std::string& Reveal() const { return value_; }

  friend bool operator==(const Secret& secret, std::string_view text) noexcept;
  friend bool operator==(const Secret& a, const Secret& b) noexcept { return a == b.Reveal(); }

 private:
  std::string value_;
};

}  // namespace spa
