// Secret: a string that does not print itself. Reveal() is for the wire alone.
#pragma once

#include <string>

namespace spa {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  bool empty() const { return value_.empty(); }
  const std::string& Reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace spa
