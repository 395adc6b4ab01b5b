#include "permissions/packed_members.h"

#include <cstdint>
#include <string_view>

namespace spa {
namespace {

constexpr std::string Member::*kTexts[] = {
    &Member::id,    &Member::kind,      &Member::name,           &Member::login,
    &Member::email, &Member::user_type, &Member::external_state, &Member::external_since,
    &Member::claim};

// A length in groups of seven bits, the last without the high bit.
void PutLength(std::string& bytes, std::size_t length) {
  for (; length >= 0x80; length >>= 7) bytes += static_cast<char>(length | 0x80);
  bytes += static_cast<char>(length);
}

std::size_t TakeLength(std::string_view& bytes) {
  std::size_t length = 0;
  for (int shift = 0;; shift += 7) {
    const auto part = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    length |= static_cast<std::size_t>(part & 0x7f) << shift;
    if (part < 0x80) return length;
  }
}

}  // namespace

PackedMembers::PackedMembers(std::span<const Member> members) {
  for (const Member& member : members) {
    for (const auto text : kTexts) {
      PutLength(bytes_, (member.*text).size());
      bytes_ += member.*text;
    }
    bytes_ += static_cast<char>(member.account_enabled ? 1 + *member.account_enabled : 0);
  }
  bytes_.shrink_to_fit();
}

std::vector<Member> PackedMembers::Unpack() const {
  std::vector<Member> members;
  for (std::string_view rest = bytes_; !rest.empty();) {
    Member member;
    for (const auto text : kTexts) {
      const std::size_t length = TakeLength(rest);
      member.*text = rest.substr(0, length);
      rest.remove_prefix(length);
    }
    if (rest.front() != 0) member.account_enabled = rest.front() == 2;
    rest.remove_prefix(1);
    members.push_back(std::move(member));
  }
  return members;
}

}  // namespace spa
