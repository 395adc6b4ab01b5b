#include "permissions/group_expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace spa {
namespace {

constexpr int kMaxLookups = 400;  // waiting at once: twenty full batches of misses

// Every use, in order, without a copy of the group's name for each.
struct Uses {
  std::vector<GroupRef> groups;
  std::vector<std::uint32_t> order;
};

bool IsNotFound(const Error& error) { return error.code == ErrorCode::kNotFound; }

}  // namespace

GroupExpansion::GroupExpansion(Parts parts, asio::any_io_executor executor)
    : parts_(std::move(parts)),
      executor_(std::move(executor)),
      groups_(parts_.cache.Open<DirectoryGroup>(CacheKind::kGroupMembers)) {}

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
  // What stands in them, and so on. A group is entered once, so this ends with the last new one.
  while (!next_.empty()) {
    const std::vector<GroupRef> level = std::exchange(next_, {});
    co_await RunGroup(executor_, kMaxLookups, [&](TaskGroup& lookups) -> Task<void> {
      for (const GroupRef& group : level) co_await lookups.Spawn(LookUp(group));
    });
  }
}

Task<Result<Hit<DirectoryGroup>>> GroupExpansion::Find(GroupRef group) {
  Loader<DirectoryGroup> load = [this, group] { return Load(group); };
  const bool owners = group.kind == GroupRef::Kind::kOwners;
  const CacheKey key(CacheKind::kGroupMembers,
                     fmt::format("{}/{}{}", parts_.tenant, group.id, owners ? "/owners" : ""));
  co_return co_await groups_.GetOrLoad(key, std::move(load));
}

Task<void> GroupExpansion::LookUp(GroupRef group) {
  const std::string name = group.Key();
  if (failed_.contains(name)) co_return;  // In the ledger; asking again for each use helps nobody.
  auto hit = co_await Find(group);
  if (!stored_.insert(name).second) co_return;
  ++parts_.progress.groups_read;
  if (hit) {
    co_await Enter(std::move(group), *std::move(hit));
    co_return;
  }
  failed_.insert(name);
  Error& error = hit.error();
  AbortIfFatal(error);
  if (error.code == ErrorCode::kForbidden) {
    co_await parts_.store.PutGap(
        std::nullopt, name, CoverageState::kMembersHidden, error.message,
        "grant GroupMember.Read.All, and Member.Read.Hidden for hidden membership");
  } else {
    co_await parts_.store.PutGap(std::nullopt, name, error);
  }
}

Task<void> GroupExpansion::Enter(GroupRef group, Hit<DirectoryGroup> hit) {
  const std::vector<Member> members = hit.value->members.Unpack();
  for (const Member& member : members) {
    if (member.kind != "group" || member.id.empty()) continue;
    GroupRef inner;
    inner.id = member.id;
    if (!stored_.contains(inner.Key())) ++parts_.progress.groups_found;
    next_.push_back(std::move(inner));
  }
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    GroupFacts facts;
    facts.name = hit.value->facts.name;
    if (auto put = store.PutMembers(group, members, facts); !put) return put;
    // The owners of a group are told of with its members, unless it is gone.
    if (hit.value->facts.id.empty()) return {};
    return store.PutPrincipal(hit.value->facts);
  });
  if (hit.stale) co_await parts_.store.PutStale(std::nullopt, group.Key(), hit.age);
}

Task<Result<DirectoryGroup>> GroupExpansion::Load(GroupRef group) {
  const bool owners = group.kind == GroupRef::Kind::kOwners;
  Result<DirectoryObject> facts;
  Result<std::vector<Member>> members;
  const std::string noun = owners ? "owners" : "members";
  const std::string path =
      fmt::format("/groups/{}/{}?$select={}&$top=999", group.id, noun, kMemberFields);
  const std::string what = fmt::format("reading the {} of group {}", noun, group.id);
  co_await RunGroup(executor_, 0, [&](TaskGroup& both) -> Task<void> {
    both.Start(ReadMembers(path, what, members));
    if (!owners) both.Start(ReadFacts(group, facts));
    co_return;
  });
  if (!members && IsNotFound(members.error())) co_return co_await LoadMissing(std::move(group));
  if (!members) co_return Fail(std::move(members.error()));
  DirectoryGroup found;
  found.members = PackedMembers(*members);
  if (owners) co_return found;
  // That its members could be read proves that it is there.
  if (facts) found.facts = *std::move(facts);
  found.facts.id = group.id;
  found.facts.kind = "group";
  co_return found;
}

// A directory role has the same claim as a group; else it was deleted, or never was here
// (permissions.md 4, 5). Whatever it is, its members are known then.
Task<Result<DirectoryGroup>> GroupExpansion::LoadMissing(GroupRef group) {
  DirectoryGroup found;
  found.facts.id = group.id;
  found.facts.kind = "group";
  if (group.kind == GroupRef::Kind::kMembers) {
    Result<std::vector<Member>> members;
    const std::string path =
        fmt::format("/directoryRoles/{}/members?$select={}", group.id, kMemberFields);
    const std::string what = fmt::format("reading the members of directory role {}", group.id);
    co_await ReadMembers(path, what, members);
    if (members) {
      found.facts.kind = "directory_role";
      found.members = PackedMembers(*members);
      co_return found;
    }
    // Not to know whether it is a role is not to know who is in it.
    if (!IsNotFound(members.error())) co_return Fail(std::move(members.error()));
  }
  GraphRead read(
      fmt::format("/directory/deletedItems/{}?$select=id,displayName,deletedDateTime", group.id),
      fmt::format("looking for group {} among the deleted", group.id), /*units=*/0,
      Family::kDirectory);
  auto deleted = co_await parts_.directory.Get(std::move(read), &DecodePrincipal);
  found.facts.state = DirectoryObject::State::kMissing;
  if (deleted) {
    found.facts.name = deleted->name;
    found.facts.deleted_at = deleted->deleted_at;
    found.facts.state = DirectoryObject::State::kDeleted;
  } else if (!IsNotFound(deleted.error()) && deleted.error().code != ErrorCode::kForbidden) {
    co_return Fail(std::move(deleted.error()));
  }
  co_return found;
}

Task<void> GroupExpansion::ReadFacts(GroupRef group, Result<DirectoryObject>& facts) {
  GraphRead read(fmt::format("/groups/{}?$select={}", group.id, kGroupFields),
                 fmt::format("reading group {}", group.id), /*units=*/0, Family::kDirectory);
  facts = co_await parts_.directory.Get(std::move(read), &DecodePrincipal);
}

Task<void> GroupExpansion::ReadMembers(std::string path, std::string what,
                                       Result<std::vector<Member>>& members) {
  GraphRead read(std::move(path), std::move(what), /*units=*/0, Family::kDirectory);
  members = co_await parts_.directory.List(std::move(read), &DecodeMembers);
  if (!members) co_return;
  std::sort(members->begin(), members->end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  members->erase(
      std::unique(members->begin(), members->end(),
                  [](const Member& a, const Member& b) { return !a.id.empty() && a.id == b.id; }),
      members->end());
}

}  // namespace spa
