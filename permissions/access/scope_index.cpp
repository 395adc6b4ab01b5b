#include "permissions/access/scope_index.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace spa {
namespace {

template <class T>
void SortUnique(std::vector<T>& all) {
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
}

}  // namespace

ScopeIndex::ScopeIndex(AccessRows& rows, const Principals& principals) {
  rows.EachScope([&](Oid scope, std::int64_t) { scopes_.push_back(scope); });
  std::sort(scopes_.begin(), scopes_.end());
  std::unordered_map<Oid, std::vector<Oid>> below;  // Scopes of a collection, by its topmost site.
  std::vector<std::pair<Node, Oid>> found;
  const auto people = [&](std::string_view list, bool ids, Oid scope) {
    if (list.size() <= 2) return;
    for (const auto& text : nlohmann::json::parse(list, nullptr, false)) {
      if (!text.is_string()) continue;
      const std::string& name = text.get_ref<const std::string&>();
      const Node node = ids ? principals.ById(name) : principals.ByAddress(NameOfLogin(name));
      if (node != kNoNode) found.emplace_back(node, scope);
    }
  };
  Oid last = 0;
  std::string site_id;
  rows.EachGrantee([&](Oid scope, bool site_wide, const GrantRow& row) {
    if (site_wide) {
      if (below.empty()) {
        for (const Oid each : scopes_) below[rows.TopSiteOf(each)].push_back(each);
      }
      const Node node = principals.OfGrant(row, rows.GraphIdOf(scope));
      if (node == kNoNode) return;
      for (const Oid each : below[scope]) found.emplace_back(node, each);
      return;
    }
    if (!std::binary_search(scopes_.begin(), scopes_.end(), scope)) return;
    Node node = kNoNode;
    if (row.principal_type == "link") {
      node = principals.GroupOfLink(row.principal_id);
      const bool anonymous =
          row.link_scope == "anonymous" || row.principal_login.starts_with("c:0u.c|tenant|");
      const bool organization = row.link_scope == "organization";
      (anonymous ? anonymous_ : organization ? organization_ : users_).push_back(scope);
      if (anonymous || organization) {
        found.emplace_back(anonymous ? kAnyoneNode : kOrganizationNode, scope);
      } else {
        people(row.link_people, true, scope);
        people(row.link_invited, false, scope);
      }
    } else {
      if (row.principal_type == "site_group" && scope != last) {
        site_id = rows.GraphIdOf(rows.TopSiteOf(last = scope));
      }
      node = principals.OfGrant(row, site_id);
    }
    if (node != kNoNode) found.emplace_back(node, scope);
  });
  SortUnique(found);
  for (auto* links : {&anonymous_, &organization_, &users_}) SortUnique(*links);
  begin_.assign(principals.size() + 1, 0);
  granted_.reserve(found.size());
  for (const auto& [node, scope] : found) {
    ++begin_[node + 1];
    granted_.push_back(scope);
  }
  for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
}

std::span<const Oid> ScopeIndex::GrantedTo(Node principal) const {
  return std::span(granted_).subspan(begin_[principal], begin_[principal + 1] - begin_[principal]);
}

std::vector<Oid> ScopeIndex::GrantedToAny(std::span<const Node> principals) const {
  std::vector<Oid> all;
  for (const Node node : principals) {
    const auto scopes = GrantedTo(node);
    all.insert(all.end(), scopes.begin(), scopes.end());
  }
  SortUnique(all);
  return all;
}

std::span<const Oid> ScopeIndex::WithLinks(std::string_view link_scope) const {
  return link_scope == "anonymous"      ? anonymous_
         : link_scope == "organization" ? organization_
                                        : users_;
}

}  // namespace spa
