#include "permissions/group_expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/ascii.h"
#include "core/graph/json.h"
#include "permissions/claim.h"

namespace spa {
namespace {

constexpr int kMaxLookups = 400;  // waiting at once: twenty full batches of misses
constexpr std::string_view kFields =
    "id,displayName,userPrincipalName,mail,userType,accountEnabled";

// Every use, in order, without a copy of the group's name for each.
struct Uses {
  std::vector<GroupRef> groups;
  std::vector<std::uint32_t> order;
};

}  // namespace

Result<Page<Member>> DecodeMembers(std::string_view body) {
  return DecodePage<Member>(body, [](const json::Element& entry) {
    Member member;
    member.id = json::Text(entry, "id");
    const std::string_view type = json::Text(entry, "@odata.type");
    member.kind = type.substr(type.rfind('.') + 1);
    member.name = json::Text(entry, "displayName");
    member.login = json::Text(entry, "userPrincipalName");
    member.email = json::Text(entry, "mail");
    member.user_type = AsciiLower(json::Text(entry, "userType"));
    if (member.user_type.empty() && IsGuestName(member.login)) member.user_type = "guest";
    member.account_enabled = json::Bool(entry, "accountEnabled");
    return member;
  });
}

GroupExpansion::GroupExpansion(Parts parts, asio::any_io_executor executor)
    : parts_(std::move(parts)),
      executor_(std::move(executor)),
      members_(parts_.cache.Open<PackedMembers>(CacheKind::kGroupMembers)) {}

Task<void> GroupExpansion::Run() {
  Uses uses = co_await parts_.store.Do([](AuditStore& store) -> Result<Uses> {
    Uses found;
    std::map<std::string, std::uint32_t> numbers;
    const Status read = store.ForEachGroupUse([&](const GroupUse& use) {
      if (use.group.kind == GroupRef::Kind::kSiteGroup) return;  // Read with its site.
      const auto [at, fresh] =
          numbers.emplace(use.group.Key(), static_cast<std::uint32_t>(found.groups.size()));
      if (fresh) found.groups.push_back(use.group);
      found.order.push_back(at->second);
    });
    if (!read) return Fail(read.error());
    return found;
  });
  parts_.progress.groups_found = static_cast<std::int64_t>(uses.groups.size());

  co_await RunGroup(executor_, kMaxLookups, [&](TaskGroup& lookups) -> Task<void> {
    for (const std::uint32_t number : uses.order)
      co_await lookups.Spawn(LookUp(uses.groups[number]));
  });
}

Task<Result<Hit<PackedMembers>>> GroupExpansion::Find(GroupRef group) {
  Loader<PackedMembers> load = [this, group] { return Load(group); };
  const bool owners = group.kind == GroupRef::Kind::kOwners;
  const CacheKey key(CacheKind::kGroupMembers,
                     fmt::format("{}/{}{}", parts_.tenant, group.id, owners ? "/owners" : ""));
  co_return co_await members_.GetOrLoad(key, std::move(load));
}

Task<void> GroupExpansion::LookUp(GroupRef group) {
  const std::string name = group.Key();
  if (failed_.contains(name)) co_return;  // In the ledger; asking again for each use helps nobody.
  auto hit = co_await Find(group);
  if (!stored_.insert(name).second) co_return;
  ++parts_.progress.groups_read;
  if (hit) {
    co_await parts_.store.Do(
        [&](AuditStore& store) { return store.PutMembers(group, hit->value->Unpack()); });
    if (hit->stale) co_await parts_.store.PutStale(std::nullopt, name, hit->age);
    co_return;
  }
  failed_.insert(name);
  Error& error = hit.error();
  AbortIfFatal(error);
  if (error.code == ErrorCode::kForbidden) {
    co_await parts_.store.PutGap(
        std::nullopt, name, CoverageState::kMembersHidden, error.message,
        "grant GroupMember.Read.All, and Member.Read.Hidden for hidden membership");
  } else if (error.code == ErrorCode::kNotFound) {
    co_await parts_.store.PutGap(std::nullopt, name, CoverageState::kFailed,
                                 "no such group: it was deleted, or the id is a directory role's",
                                 "remove the grant if the group is gone");
  } else {
    co_await parts_.store.PutGap(std::nullopt, name, error);
  }
}

Task<Result<PackedMembers>> GroupExpansion::Load(GroupRef group) {
  const bool owners = group.kind == GroupRef::Kind::kOwners;
  GraphRead read(fmt::format("/groups/{}/{}?$select={}&$top=999", group.id,
                             owners ? "owners" : "transitiveMembers", kFields),
                 fmt::format("reading the {} of group {}", owners ? "owners" : "members", group.id),
                 /*units=*/0, Family::kDirectory);
  auto members = co_await parts_.directory.List(std::move(read), &DecodeMembers);
  if (!members) co_return Fail(std::move(members.error()));
  std::sort(members->begin(), members->end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  members->erase(
      std::unique(members->begin(), members->end(),
                  [](const Member& a, const Member& b) { return !a.id.empty() && a.id == b.id; }),
      members->end());
  co_return PackedMembers(*members);
}

}  // namespace spa
