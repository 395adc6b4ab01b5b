#include "permissions/scope_reader.h"

#include <fmt/format.h>

#include "permissions/graph_permission.h"

namespace spa {
namespace {

constexpr int kTargetsAtOnce = 500;  // scope owners taken from the store in one go
constexpr int kUnits = 5;            // graph.md 6.1

}  // namespace

ScopeReader::ScopeReader(Parts parts, PermissionsConfig config, asio::any_io_executor executor)
    : parts_(parts), config_(config), executor_(std::move(executor)) {}

Task<void> ScopeReader::ReadDrive(Oid library, ScopeMethod method, TaskGroup& reads) {
  if (method != ScopeMethod::kItemPermissions) {
    co_await ReadTargets(library, reads);
    co_return;
  }
  co_await RunGroup(executor_, kMaxReads,
                    [this, library](TaskGroup& own) { return ReadTargets(library, own); });
  co_await parts_.store.Do([&](AuditStore& store) -> Status {
    if (auto done = store.ResolveItemScopes(library); !done) return done;
    return store.Commit();
  });
}

Task<void> ScopeReader::ReadTargets(Oid library, TaskGroup& reads) {
  BatchQueue::Producer more(parts_.batches);
  for (Oid after = 0;;) {
    auto targets = co_await parts_.store.Do(
        [&](AuditStore& store) { return store.ScopeTargets(library, after, kTargetsAtOnce); });
    if (targets.empty()) co_return;
    after = targets.back().oid;
    parts_.progress.scopes_found += static_cast<std::int64_t>(targets.size());
    for (ScopeTarget& target : targets) co_await reads.Spawn(ReadScope(std::move(target)));
  }
}

Task<void> ScopeReader::ReadScope(ScopeTarget target) {
  GraphRead read(fmt::format("/drives/{}/items/{}/permissions", target.drive_id, target.item_id),
                 fmt::format("reading the permissions of item {} in drive {}", target.item_id,
                             target.drive_id),
                 kUnits);
  auto grants = co_await parts_.batches.List(std::move(read), &DecodePermissions);
  ++parts_.progress.scopes_read;
  if (!grants) {
    co_await parts_.store.PutGap(target.oid, "", grants.error());
    co_return;
  }
  if (!config_.include_sharing_links) {
    std::erase_if(*grants, [](const Grant& g) { return g.principal_type == PrincipalType::kLink; });
  }
  co_await parts_.store.Do([&](AuditStore& store) { return store.PutScope(target.oid, *grants); });
}

}  // namespace spa
