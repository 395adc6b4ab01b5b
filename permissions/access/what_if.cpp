#include "permissions/access/what_if.h"

#include <algorithm>
#include <map>

#include "core/ascii.h"

namespace spa {

std::string GuestDomainOf(const Principal& person) {
  if (!person.is_guest()) return {};
  const std::string login = AsciiLower(person.login);
  if (const auto mark = login.find("#ext#"); mark != std::string::npos) {
    const auto bar = login.rfind('_', mark);
    return bar == std::string::npos ? "" : login.substr(bar + 1, mark - bar - 1);
  }
  for (const std::string& address : {login, AsciiLower(person.mail)}) {
    if (const auto at = address.rfind('@'); at != std::string::npos) return address.substr(at + 1);
  }
  return {};
}

WhatIf::WhatIf(Principals& principals, ScopeAccess& access, const ScopeIndex& index, Taken taken)
    : principals_(principals),
      access_(access),
      index_(index),
      taken_(std::move(taken)),
      left_(principals, taken_.nodes) {}

bool WhatIf::Takes(const ScopeGrant& grant) const {
  if (!grant.is_link || taken_.link_scope.empty()) return false;
  return taken_.link_scope == "anonymous"      ? grant.audience == kAnyoneNode
         : taken_.link_scope == "organization" ? grant.audience == kOrganizationNode
                                               : grant.audience == kNoNode;
}

// The ways that would be open still.
std::vector<ScopeAccess::Way> WhatIf::Left(const ScopeGrants& scope, std::span<const Node> who) {
  auto ways = access_.WaysOf(scope, left_, who);
  std::erase_if(ways, [&](const ScopeAccess::Way& way) {
    return scope.grants[way.grant].expired || Takes(scope.grants[way.grant]);
  });
  return ways;
}

std::vector<Change> WhatIf::Changes(const ScopeGrants& scope) {
  std::vector<Node> asked;  // Empty: everybody.
  if (taken_.accounts) asked.assign(taken_.nodes.begin(), taken_.nodes.end());
  std::sort(asked.begin(), asked.end());
  const auto before = access_.WaysOf(scope, access_.expansions(), asked);
  std::vector<Node> asked_after = asked;
  if (!asked.empty()) {
    asked_after.insert(asked_after.begin(), {kAnyoneNode, kOrganizationNode, kEveryoneNode});
  }
  const auto after = Left(scope, asked_after);
  Role audiences[3] = {Role::kNone, Role::kNone, Role::kNone};
  for (const auto& way : after) {
    if (way.who < 3) {
      audiences[way.who] = Stronger(audiences[way.who], scope.grants[way.grant].role);
    }
  }
  std::vector<Change> changes;
  std::size_t b = 0;
  for (std::size_t a = 0; a < before.size();) {
    const Node who = before[a].who;
    Role had = Role::kNone, has = Role::kNone;
    std::size_t open_before = 0, open_after = 0;
    for (; a < before.size() && before[a].who == who; ++a) {
      if (scope.grants[before[a].grant].expired) continue;
      ++open_before;
      had = Stronger(had, scope.grants[before[a].grant].role);
    }
    while (b < after.size() && after[b].who < who) ++b;
    for (; b < after.size() && after[b].who == who; ++b) {
      ++open_after;
      has = Stronger(has, scope.grants[after[b].grant].role);
    }
    if (open_before == 0 || open_before == open_after) continue;
    // An account that is gone may still follow a link for anyone; others belong to the audiences.
    if (taken_.accounts) {
      has = Stronger(has, audiences[kAnyoneNode]);
    } else if (who >= 3) {
      for (const Node self : access_.SelvesOf(who)) {
        if (self < 3) has = Stronger(has, audiences[self]);
      }
    }
    Change change;
    change.who = who;
    change.before = had;
    change.after = has == Role::kNone ? Role::kNone : Stronger(had, has) == had ? has : had;
    changes.push_back(change);
  }
  return changes;
}

void WhatIf::Run(const std::function<void(std::span<const Oid>, std::span<const Change>)>& use) {
  std::vector<Oid> scopes;
  if (taken_.link_scope.empty()) {
    scopes = index_.GrantedToAny(
        GroupsAbove(principals_, std::vector<Node>(taken_.nodes.begin(), taken_.nodes.end())));
  } else {
    const auto linked = index_.WithLinks(taken_.link_scope);
    scopes.assign(linked.begin(), linked.end());
  }
  std::map<std::string, std::vector<Oid>> alike;
  for (const Oid scope : scopes) alike[SignatureOf(access_.BareGrantsOf(scope))].push_back(scope);
  std::vector<const std::vector<Oid>*> in_order;
  for (const auto& [signature, same] : alike) in_order.push_back(&same);
  std::sort(in_order.begin(), in_order.end(),
            [](const auto* a, const auto* b) { return a->front() < b->front(); });
  for (const std::vector<Oid>* same : in_order) {
    const auto changes = Changes(access_.BareGrantsOf(same->front()));
    if (!changes.empty()) use(*same, changes);
  }
}

bool WhatIf::Afterwards(const ScopeGrants& scope, Node who, Reach& reach) {
  std::vector<Node> selves = access_.SelvesOf(who);
  if (taken_.accounts) selves = {who, kAnyoneNode};
  auto ways = Left(scope, selves);
  reach = Reach();
  if (ways.empty()) return false;
  std::stable_sort(ways.begin(), ways.end(),
                   [&](const auto& a, const auto& b) { return a.who == who && b.who != who; });
  for (const auto& way : ways) access_.AppendPath(scope, way, who, left_, reach);
  return true;
}

}  // namespace spa
