#include "simulator/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "simulator/words.h"

namespace spa::sim {
namespace {

constexpr std::uint64_t kUserSalt = 0x75736572;
constexpr std::uint64_t kGroupSalt = 0x67727570;

bool Holds(const std::vector<std::uint32_t>& users, std::uint32_t user) {
  return std::find(users.begin(), users.end(), user) != users.end();
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Directory::Directory(const TenantSpec& spec)
    : seed_(Hash(spec.seed, kUserSalt)),
      user_count_(static_cast<std::uint32_t>(spec.users)),
      guest_rate_(spec.guest_rate),
      disabled_rate_(spec.disabled_rate),
      deleted_rate_(spec.deleted_user_rate),
      domain_(spec.domain),
      initial_domain_(spec.initial_domain) {
  MakeGroups(spec);
}

bool Directory::IsGuest(std::uint32_t number) const {
  return number >= 5 && Unit(Hash(seed_, number, 1)) < guest_rate_;  // The first five never.
}

bool Directory::IsDeleted(std::uint32_t number) const {
  return number >= 5 && Unit(Hash(seed_, number, 4)) < deleted_rate_;
}

User Directory::UserAt(std::uint32_t number) const {
  const std::uint64_t hash = Hash(seed_, number);
  const PersonName name = NameOfPerson(hash);
  User user;
  user.id = Text(NumberedGuid(seed_, number));
  user.name = fmt::format("{} {}", name.first, name.last);
  user.guest = IsGuest(number);
  user.enabled = number < 5 || Unit(Hash(seed_, number, 2)) >= disabled_rate_;
  const std::string local = fmt::format("{}.{}{}", name.first_ascii, name.last_ascii, number);
  if (user.guest) {
    const auto partner = PartnerDomain(hash >> 32);
    user.mail = fmt::format("{}@{}", local, partner);
    user.upn = fmt::format("{}_{}#EXT#@{}", local, partner, initial_domain_);
    user.pending = Unit(Hash(seed_, number, 3)) < 0.2;
  } else {
    user.mail = user.upn = fmt::format("{}@{}", local, domain_);
  }
  user.login = "i:0#.f|membership|" + Lower(user.upn);
  user.deleted = IsDeleted(number);
  user.purged = user.deleted && Unit(Hash(seed_, number, 5)) < 0.33;
  return user;
}

std::optional<std::uint32_t> Directory::FindUser(std::string_view id) const {
  if (const auto guid = ParseGuid(id)) {
    const auto number = NumberIn(seed_, *guid);
    return number && *number < user_count_ ? number : std::nullopt;
  }
  // A userPrincipalName ends its local part with the number.
  auto end = id.find('_');
  if (end == std::string_view::npos) end = id.find('@');
  if (end == std::string_view::npos) return std::nullopt;
  auto start = end;
  while (start > 0 && id[start - 1] >= '0' && id[start - 1] <= '9') --start;
  std::uint32_t number = 0;
  if (std::from_chars(id.data() + start, id.data() + end, number).ec != std::errc{} ||
      number >= user_count_ || Lower(UserAt(number).upn) != Lower(id)) {
    return std::nullopt;
  }
  return number;
}

void Directory::MakeGroups(const TenantSpec& spec) {
  const auto count = static_cast<std::uint32_t>(spec.groups);
  for (std::uint32_t g = 0; g < count; ++g) {
    const std::uint64_t hash = Hash(spec.seed, kGroupSalt, g);
    Group group;
    group.id = Text(MakeGuid(hash));
    group.m365 = Unit(Hash(hash, 1)) < spec.m365_rate;
    group.name = fmt::format("{} {} {}", FolderWord(hash), group.m365 ? "Team" : "Group", g);
    if (Unit(Hash(hash, 9)) < spec.odd_name_rate) group.name += fmt::format(" {}", OddWord(hash));
    if (group.m365) group.mail = fmt::format("group{}@{}", g, spec.domain);
    group.dynamic = Unit(Hash(hash, 10)) < spec.dynamic_group_rate;
    group.is_public = group.m365 && Unit(Hash(hash, 2)) < 0.3;
    group.first_user = static_cast<std::uint32_t>(Hash(hash, 3) % user_count_);
    const double size = Unit(Hash(hash, 4));
    // Mostly small; a fifth has more than twenty members, some are empty.
    group.user_count = size < 0.04  ? 0
                       : size < 0.8 ? 2 + static_cast<std::uint32_t>(Hash(hash, 5) % 18)
                                    : 21 + static_cast<std::uint32_t>(Hash(hash, 5) % 180);
    group.user_count = std::min(group.user_count, user_count_);
    if (!group.m365 && g > 0 && Unit(Hash(hash, 6)) < spec.nested_group_rate) {
      group.nested.push_back(static_cast<std::uint32_t>(Hash(hash, 7) % g));
    }
    for (std::uint32_t k = 0; k < 1 + Hash(hash, 8) % 2; ++k) {
      const auto owner = static_cast<std::uint32_t>((group.first_user + 3 * k) % user_count_);
      if (!IsDeleted(owner)) group.owners.push_back(owner);
    }
    groups_.push_back(std::move(group));
  }
  // The special ones: from the end large, hidden, deleted; cycles among the first ones.
  std::uint32_t next = count;
  auto last = [&]() -> Group* { return next > 0 ? &groups_[--next] : nullptr; };
  for (int i = 0; i < spec.large_groups; ++i) {
    if (Group* group = last()) group->user_count = std::min<std::uint32_t>(1'200, user_count_);
  }
  for (int i = 0; i < spec.hidden_groups; ++i) {
    if (Group* group = last()) group->hidden = true;
  }
  for (int i = 0; i < spec.deleted_groups; ++i) {
    if (Group* group = last()) group->deleted = true;
  }
  for (int i = 0; i < spec.purged_groups; ++i) {
    if (Group* group = last()) group->deleted = group->purged = true;
  }
  for (int i = 0; i < spec.directory_roles; ++i) {
    if (Group* group = last()) {
      group->role = true;
      group->m365 = group->is_public = group->dynamic = false;
      group->mail.clear();
      group->nested.clear();
    }
  }
  for (int i = 0; i < spec.group_cycles && static_cast<std::uint32_t>(2 * i + 1) < next; ++i) {
    const auto a = static_cast<std::uint32_t>(2 * i), b = a + 1;
    groups_[a].m365 = groups_[b].m365 = false;
    groups_[a].mail = groups_[b].mail = "";
    groups_[a].is_public = groups_[b].is_public = false;
    groups_[a].nested = {b};
    groups_[b].nested = {a};
  }
  const auto head = static_cast<std::uint32_t>(2 * spec.group_cycles);
  const auto chain = static_cast<std::uint32_t>(spec.group_chain);
  for (std::uint32_t i = 0; i < chain && head + chain <= next; ++i) {
    Group& group = groups_[head + i];
    group.m365 = group.is_public = false;
    group.mail.clear();
    group.nested = {head + (i + 1) % chain};
    if (i == 0) {
      group.user_count = std::min(static_cast<std::uint32_t>(spec.chain_users), user_count_);
    }
  }
  for (std::uint32_t g = 0; g < count; ++g) {
    Group& group = groups_[g];
    const std::uint64_t hash = Hash(spec.seed, kGroupSalt, g);
    const bool plain = !group.m365 && !group.role && !group.deleted;
    if (plain && Unit(Hash(hash, 11)) < spec.sid_group_rate) {
      group.sid =
          fmt::format("s-1-5-21-{}-{}-{}-{}", 1'000'000'000 + Hash(spec.seed, 12) % 1'000'000,
                      2'000'000'000, 3'000'000'000, 1'000 + g);
    }
  }
  for (std::uint32_t g = 0; g < count; ++g) {
    // Only what still exists can be a member.
    auto& nested = groups_[g].nested;
    std::erase_if(nested, [&](std::uint32_t n) {
      return groups_[n].deleted || groups_[n].m365 || groups_[n].role;
    });
    group_by_id_.emplace(groups_[g].id, g);
  }
}

std::optional<std::uint32_t> Directory::FindGroup(std::string_view id) const {
  const auto found = group_by_id_.find(Lower(id));
  if (found == group_by_id_.end()) return std::nullopt;
  return found->second;
}

Directory::Membership Directory::Members(std::uint32_t group) const {
  const Group& g = groups_[group];
  Membership members;
  for (std::uint32_t i = 0; i < g.user_count; ++i) {
    const std::uint32_t user = (g.first_user + i) % user_count_;
    if (!Holds(g.removed, user) && !IsDeleted(user)) members.users.push_back(user);
  }
  members.users.insert(members.users.end(), g.added.begin(), g.added.end());
  members.groups = g.nested;
  return members;
}

bool Directory::AddMember(std::uint32_t group, std::uint32_t user) {
  Group& g = groups_[group];
  if (IsDeleted(user)) return false;
  if (std::erase(g.removed, user) > 0) return true;
  const bool built = (user + user_count_ - g.first_user) % user_count_ < g.user_count;
  if (built || Holds(g.added, user)) return false;
  g.added.push_back(user);
  return true;
}

bool Directory::RemoveMember(std::uint32_t group, std::uint32_t user) {
  Group& g = groups_[group];
  if (IsDeleted(user)) return false;
  if (std::erase(g.added, user) > 0) return true;
  const bool built = (user + user_count_ - g.first_user) % user_count_ < g.user_count;
  if (!built || Holds(g.removed, user)) return false;
  g.removed.push_back(user);
  return true;
}

Directory::Membership Directory::TransitiveMembers(std::uint32_t group) const {
  Membership all;
  std::set<std::uint32_t> users, seen;
  std::vector<std::uint32_t> open{group};
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    const Membership direct = Members(at);
    for (auto user : direct.users) {
      if (users.insert(user).second) all.users.push_back(user);
    }
    for (auto child : direct.groups) {
      if (!seen.insert(child).second) continue;
      all.groups.push_back(child);
      open.push_back(child);
    }
  }
  return all;
}

std::string Directory::OtpMail(std::uint32_t number) const {
  return fmt::format("visitor{}@{}", number, PartnerDomain(Hash(seed_, number, 7)));
}

std::string Directory::OtpLogin(std::uint32_t number) const {
  return "i:0#.f|membership|urn:spo:guest#" + OtpMail(number);
}

std::string Directory::MembersClaim(std::uint32_t group) const {
  const Group& g = groups_[group];
  if (!g.sid.empty()) return "c:0-.f|rolemanager|" + g.sid;
  return (g.m365 ? "c:0o.c|federateddirectoryclaimprovider|" : "c:0t.c|tenant|") + g.id;
}

std::string Directory::OwnersClaim(std::uint32_t group) const {
  return "c:0o.c|federateddirectoryclaimprovider|" + groups_[group].id + "_o";
}

}  // namespace spa::sim
