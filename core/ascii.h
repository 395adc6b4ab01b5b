// ASCII letters in lower case: how ids, claims, host names and codes are compared. Other bytes stay
// as they are, so that names in any script pass through unharmed.
#pragma once

#include <string>
#include <string_view>

namespace spa {

inline std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace spa
