#include "permissions/people.h"

#include <fmt/format.h>

#include "core/ascii.h"
#include "core/encoding.h"
#include "core/http/url.h"
#include "permissions/claim.h"

namespace spa {
namespace {

constexpr int kMaxLookups = 100;  // waiting at once: five full batches of misses
constexpr std::string_view kDeletedFields = "id,displayName,userPrincipalName,mail,deletedDateTime";

bool IsGuid(std::string_view text) { return text.size() == 36 && text[8] == '-'; }

constexpr std::string_view kSid = "s-1-";

// The userPrincipalName in a person's login, or the security identifier of a group that was
// synchronised long ago; empty for other claims.
std::string NameIn(const std::string& login) {
  const Claim claim = ParseClaim(login);
  if (claim.name != "user" && claim.name != "guest" && claim.name != "sid_group") return {};
  return AsciiLower(login.substr(login.rfind('|') + 1));
}

// The name of a deleted user has the id before it, without dashes.
std::string NameOf(const DirectoryObject& deleted) {
  constexpr std::size_t kPrefix = 32;
  return deleted.login.size() > kPrefix ? deleted.login.substr(kPrefix) : deleted.login;
}

DirectoryObject AsDeleted(DirectoryObject deleted) {
  deleted.state = DirectoryObject::State::kDeleted;
  deleted.login = NameOf(deleted);
  return deleted;
}

// The directory has said that the user is not there; more is not to be learnt.
bool SaysNoMore(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kForbidden;
}

}  // namespace

People::People(Parts parts, asio::any_io_executor executor)
    : parts_(std::move(parts)),
      executor_(std::move(executor)),
      people_(parts_.cache.Open<DirectoryObject>(CacheKind::kUser)) {}

Task<void> People::Identify(std::vector<Grant>& grants) {
  const auto unknown = [](const Grant& grant) {
    const bool named = grant.principal_type == PrincipalType::kUser ||
                       grant.principal_type == PrincipalType::kGuest || grant.claim == "sid_group";
    return named && grant.principal_id.empty();
  };
  Ids ids;
  for (const Grant& grant : grants) {
    if (unknown(grant)) ids.try_emplace(grant.principal_login);
  }
  co_await Resolve(ids);
  for (Grant& grant : grants) {
    if (unknown(grant)) grant.principal_id = ids[grant.principal_login];
  }
}

Task<void> People::Identify(std::vector<Member>& members) {
  const auto unknown = [](const Member& member) {
    return (member.kind == "user" || member.claim == "sid_group") && member.id.empty();
  };
  Ids ids;
  for (const Member& member : members) {
    if (unknown(member)) ids.try_emplace(member.login);
  }
  co_await Resolve(ids);
  for (Member& member : members) {
    if (unknown(member)) member.id = ids[member.login];
  }
}

Task<void> People::Resolve(Ids& ids) {
  if (ids.empty()) co_return;
  co_await RunGroup(executor_, kMaxLookups, [&](TaskGroup& lookups) -> Task<void> {
    for (auto& [login, id] : ids) co_await lookups.Spawn(ResolveOne(login, id));
  });
}

Task<void> People::ResolveOne(std::string login, std::string& id) {
  id = co_await IdOf(std::move(login));
}

Task<std::string> People::IdOf(std::string login) {
  std::string name = NameIn(login);
  if (name.empty() || denied_) co_return "";
  const bool group = name.starts_with(kSid);
  auto found = co_await Find(std::move(name));
  if (found) {
    if (group && found->id.empty() && told_.insert(login).second) {
      co_await parts_.store.PutGap(std::nullopt, "group:" + login, CoverageState::kFailed,
                                   "the directory knows no group with this security identifier",
                                   "remove the grant if the group is gone");
    }
    co_return found->id;
  }
  co_await TellOfFailure(std::move(login), found.error());
  co_return "";
}

Task<void> People::Run() {
  auto named = co_await parts_.store.Do([](AuditStore& store) {
    Result<std::vector<NamedPrincipal>> all = std::vector<NamedPrincipal>();
    const Status read = store.ForEachNamed([&](const NamedPrincipal& one) { all->push_back(one); });
    if (!read) all = Fail(read.error());
    return all;
  });
  co_await RunGroup(executor_, kMaxLookups, [&](TaskGroup& lookups) -> Task<void> {
    for (NamedPrincipal& one : named) co_await lookups.Spawn(LookUp(std::move(one)));
  });
}

Task<void> People::LookUp(NamedPrincipal named) {
  DirectoryObject known;
  known.state = DirectoryObject::State::kUnknown;
  std::string key = named.id.empty() ? NameIn(named.login) : named.id;
  if (key.empty()) co_return;  // No form of login that the directory knows.
  if (!denied_) {
    auto found = co_await Find(std::move(key));
    if (found) {
      known = *std::move(found);
    } else {
      co_await TellOfFailure(named.id.empty() ? named.login : named.id, found.error());
    }
  }
  if (known.id.empty()) known.id = named.id.empty() ? named.login : named.id;
  known.kind = "user";
  if (known.name.empty()) known.name = named.name;
  if (known.email.empty()) known.email = named.email;
  co_await parts_.store.Do([&](AuditStore& store) { return store.PutPrincipal(known); });
}

Task<Result<DirectoryObject>> People::Find(std::string key) {
  const CacheKey at(CacheKind::kUser, parts_.tenant + '/' + key);
  Loader<DirectoryObject> load = [this, key] { return Load(key); };
  auto hit = co_await people_.GetOrLoad(at, std::move(load));
  if (!hit) co_return Fail(std::move(hit.error()));
  co_return *hit->value;
}

Task<Result<DirectoryObject>> People::Load(std::string key) {
  if (key.starts_with(kSid)) co_return co_await LoadBySid(std::move(key));
  GraphRead read(fmt::format("/users/{}?$select={}", UrlEncode(key), kMemberFields),
                 "looking for user " + key, /*units=*/0, Family::kDirectory);
  auto found = co_await parts_.directory.Get(std::move(read), &DecodePrincipal);
  if (found || found.error().code != ErrorCode::kNotFound) co_return found;
  co_return co_await LoadDeleted(std::move(key));
}

Task<Result<DirectoryObject>> People::LoadDeleted(std::string key) {
  DirectoryObject gone;
  gone.state = DirectoryObject::State::kMissing;
  if (IsGuid(key)) {
    gone.id = key;
    GraphRead read(fmt::format("/directory/deletedItems/{}?$select={}", key, kDeletedFields),
                   fmt::format("looking for user {} among the deleted", key), /*units=*/0,
                   Family::kDirectory);
    auto deleted = co_await parts_.directory.Get(std::move(read), &DecodePrincipal);
    if (deleted) co_return AsDeleted(*deleted);
    if (!SaysNoMore(deleted.error())) co_return Fail(std::move(deleted.error()));
    co_return gone;
  }
  if (!deleted_) {
    GraphRead read(fmt::format("/directory/deletedItems/microsoft.graph.user?$select={}&$top=999",
                               kDeletedFields),
                   "listing the deleted users", /*units=*/0, Family::kDirectory);
    auto deleted = co_await parts_.directory.List(std::move(read), &DecodePrincipals);
    if (!deleted && !SaysNoMore(deleted.error())) co_return Fail(std::move(deleted.error()));
    deleted_ = deleted ? *std::move(deleted) : std::vector<DirectoryObject>();
  }
  for (const DirectoryObject& one : *deleted_) {
    if (AsciiLower(NameOf(one)) == key) co_return AsDeleted(one);
  }
  co_return gone;
}

Task<Result<DirectoryObject>> People::LoadBySid(std::string sid) {
  GraphRead read(
      fmt::format("/groups?$filter=onPremisesSecurityIdentifier%20eq%20'{}'&$select=id,displayName",
                  "S" + sid.substr(1)),
      "looking for the group with identifier " + sid, /*units=*/0, Family::kDirectory);
  auto found = co_await parts_.directory.List(std::move(read), &DecodePrincipals);
  if (!found) co_return Fail(std::move(found.error()));
  DirectoryObject group;
  group.state = DirectoryObject::State::kMissing;
  if (!found->empty()) group = std::move(found->front());
  co_return group;
}

Task<void> People::TellOfFailure(std::string who, const Error& error) {
  AbortIfFatal(error);
  if (error.code == ErrorCode::kForbidden) {
    if (std::exchange(denied_, true)) co_return;
    co_await parts_.store.PutGap(std::nullopt, "user accounts", CoverageState::kDenied,
                                 error.message, "grant User.Read.All");
    co_return;
  }
  if (told_.insert(who).second) {
    co_await parts_.store.PutGap(std::nullopt, "user:" + who, error);
  }
}

}  // namespace spa
