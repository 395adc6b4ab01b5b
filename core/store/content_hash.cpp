#include "core/store/content_hash.h"

#include <openssl/evp.h>

#include <algorithm>
#include <tuple>

namespace spa {
namespace {

auto Tied(const Grant& g) {
  return std::tie(g.grant_id, g.principal_type, g.principal_id, g.principal_login, g.role,
                  g.principal_name, g.principal_email, g.levels, g.link_scope, g.link_type,
                  g.link_expires_at, g.link_has_password, g.link_people, g.link_invited, g.source,
                  g.claim, g.rights, g.custom_level, g.link_blocks_download, g.link_groups);
}

auto Tied(const Member& m) {
  return std::tie(m.id, m.kind, m.login, m.name, m.email, m.user_type, m.account_enabled,
                  m.external_state, m.external_since, m.claim);
}

// Every value is written with its length, so that no two different sets read the same.
class Hasher {
 public:
  void Add(std::string_view text) {
    const std::uint64_t size = text.size();
    bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes_.append(text);
  }
  void Add(const std::string& text) { Add(std::string_view(text)); }
  void Add(const std::vector<std::string>& texts) {
    Add(std::to_string(texts.size()));
    for (const auto& text : texts) Add(text);
  }
  void Add(const std::optional<bool>& flag) {
    Add(std::string_view(!flag ? "" : *flag ? "1" : "0"));
  }
  void Add(const std::optional<std::uint64_t>& number) {
    Add(number ? std::to_string(*number) : std::string());
  }
  void Add(PrincipalType type) { Add(Name(type)); }
  void Add(Role role) { Add(Name(role)); }

  std::string Digest() const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(bytes_.data(), bytes_.size(), digest, &size, EVP_sha256(), nullptr);
    return std::string(reinterpret_cast<const char*>(digest), 16);
  }

 private:
  std::string bytes_;
};

template <class T>
std::vector<T> SortedUnique(std::vector<T> rows) {
  std::sort(rows.begin(), rows.end(), [](const T& a, const T& b) { return Tied(a) < Tied(b); });
  rows.erase(std::unique(rows.begin(), rows.end(),
                         [](const T& a, const T& b) { return Tied(a) == Tied(b); }),
             rows.end());
  return rows;
}

template <class T>
std::string HashOf(std::span<const T> rows) {
  Hasher hasher;
  for (const T& row : rows) {
    std::apply([&](const auto&... fields) { (hasher.Add(fields), ...); }, Tied(row));
  }
  return hasher.Digest();
}

}  // namespace

std::vector<Grant> Normalised(std::span<const Grant> grants) {
  std::vector<Grant> rows(grants.begin(), grants.end());
  for (Grant& row : rows) {
    std::sort(row.levels.begin(), row.levels.end());
    std::sort(row.link_people.begin(), row.link_people.end());
  }
  return SortedUnique(std::move(rows));
}

std::vector<Member> Normalised(std::span<const Member> members) {
  return SortedUnique(std::vector<Member>(members.begin(), members.end()));
}

std::string ContentHash(std::span<const Grant> normalised) { return HashOf(normalised); }
std::string ContentHash(std::span<const Member> normalised) { return HashOf(normalised); }

}  // namespace spa
