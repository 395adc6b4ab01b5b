#include "permissions/app_grants.h"

#include <fmt/format.h>

#include <iterator>

#include "permissions/graph_permission.h"

namespace spa {
namespace {

constexpr int kUnits = 5;  // graph.md 6.1

}  // namespace

Task<void> AppGrants::Read(Site site, Oid oid) {
  auto grants = co_await Load(site);
  if (!grants) {
    AbortIfFatal(grants.error());
    co_await store_.PutGap(std::nullopt, "applications with a grant to " + site.web_url,
                           grants.error());
    co_return;
  }
  co_await store_.Do([&](AuditStore& store) { return store.PutSiteScope(oid, "graph", *grants); });
}

Task<Result<std::vector<Grant>>> AppGrants::Load(const Site& site) {
  const std::string path = fmt::format("/sites/{}/permissions", site.id);
  GraphRead list(path, "reading the applications with a grant to " + site.web_url, kUnits);
  auto ids = co_await batches_.List(std::move(list), &DecodeAppGrantIds);
  if (!ids) co_return Fail(std::move(ids.error()));
  std::vector<Grant> all;
  for (const std::string& id : *ids) {
    GraphRead one(path + '/' + id, "reading what an application may do on " + site.web_url, kUnits);
    auto grants = co_await batches_.Get(std::move(one), &DecodeAppGrant);
    if (!grants) {
      // Taken away since the listing.
      if (grants.error().code == ErrorCode::kNotFound) continue;
      co_return Fail(std::move(grants.error()));
    }
    std::move(grants->begin(), grants->end(), std::back_inserter(all));
  }
  co_return all;
}

}  // namespace spa
