#include "permissions/access/explain.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "permissions/access/minimum_cut.h"

namespace spa {
namespace {

// When each step of a way was seen first: of the grant, then of each membership.
std::vector<RunNo> SincesOf(AccessRows& rows, ScopeAccess& access, const ScopeGrants& scope,
                            const ScopeAccess::Way& way) {
  const ScopeGrant& grant = scope.grants[way.grant];
  const RunNo granted = rows.GrantSince(scope.owner, grant.site_wide, grant.grant_id);
  std::vector<RunNo> sinces = {0};
  if (grant.site_wide) sinces.push_back(granted);
  if (grant.is_link) sinces.push_back(granted);
  if (way.group == kNoNode) {
    if (!grant.is_link) sinces.push_back(granted);
    return sinces;
  }
  const auto expansion = access.expansions().Of(way.group);
  std::vector<Node> nodes;
  for (std::uint32_t chain = way.chain; chain != UINT32_MAX;
       chain = expansion->chains[chain].before) {
    nodes.push_back(expansion->chains[chain].group);
  }
  std::reverse(nodes.begin(), nodes.end());
  if (nodes.back() != way.who) nodes.push_back(way.who);
  // A group that the link itself names is as old as the link.
  if (!grant.is_link || way.group != grant.principal) sinces.push_back(granted);
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const Principal& member = access.principals().At(nodes[i]);
    const bool audience = member.kind == Principal::Kind::kAudience;
    sinces.push_back(audience ? granted
                              : rows.MemberSince(access.principals().At(nodes[i - 1]).key,
                                                 member.id, member.login));
  }
  return sinces;
}

}  // namespace

std::string_view Name(Removal::Kind kind) {
  switch (kind) {
    case Removal::Kind::kGrant:
      return "grant";
    case Removal::Kind::kLink:
      return "link";
    case Removal::Kind::kMembership:
      return "membership";
    case Removal::Kind::kLinkPerson:
      return "link_person";
  }
  return "grant";
}

Explanation ExplainAccess(AccessRows& rows, ScopeAccess& access, const ScopeGrants& scope,
                          Node node) {
  Explanation explanation;
  const std::vector<Node> selves = access.SelvesOf(node);
  auto ways = access.WaysOf(scope, access.expansions(), selves);
  std::stable_sort(ways.begin(), ways.end(),
                   [&](const auto& a, const auto& b) { return a.who == node && b.who != node; });
  for (const ScopeAccess::Way& way : ways) {
    const ScopeGrant& grant = scope.grants[way.grant];
    if (way.group != kNoNode && access.expansions().Of(way.group)->more) {
      explanation.more = true;
    }
    if (explanation.paths.size() >= ScopeAccess::kMostPaths) {
      explanation.more = true;
      break;
    }
    Reach reach;
    access.AppendPath(scope, way, node, reach);
    const std::vector<RunNo> sinces = SincesOf(rows, access, scope, way);
    ExplainedPath path;
    path.role = grant.role;
    path.grant_id = grant.grant_id;
    path.needs_link = way.needs_link;
    path.expired = grant.expired;
    path.shut = access.IsShut(scope, way, node);
    for (std::size_t i = 0; i < reach.hops.size(); ++i) {
      ExplainedHop hop;
      hop.kind = reach.hops[i].kind;
      hop.id = reach.hops[i].id;
      hop.name = reach.hops[i].name;
      hop.since = i < sinces.size() ? sinces[i] : 0;
      path.since = std::max(path.since, hop.since);
      path.hops.push_back(std::move(hop));
    }
    explanation.paths.push_back(std::move(path));
  }
  return explanation;
}

std::vector<Node> GroupsAbove(Principals& principals, std::vector<Node> nodes) {
  std::unordered_set<Node> seen(nodes.begin(), nodes.end());
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    for (const Node group : principals.GroupsWith(nodes[at])) {
      if (seen.insert(group).second) nodes.push_back(group);
    }
  }
  return nodes;
}

AccessCut CutAccess(Principals& principals, ScopeAccess& access, const ScopeGrants& scope,
                    Node node) {
  const std::vector<Node> selves = access.SelvesOf(node);
  const std::vector<Node> above = GroupsAbove(principals, selves);
  // Numbers in the network: the scope, whoever leads to the person, then the links.
  std::unordered_map<Node, std::uint32_t> numbers;
  for (const Node each : above)
    numbers.emplace(each, static_cast<std::uint32_t>(numbers.size() + 1));
  std::uint32_t next = static_cast<std::uint32_t>(numbers.size() + 1);
  std::vector<CutEdge> edges;
  std::vector<Removal> removals;
  const auto add = [&](std::uint32_t from, std::uint32_t to, const Removal* removal) {
    edges.emplace_back(from, to, removal != nullptr);
    removals.push_back(removal ? *removal : Removal());
  };
  const auto add_members = [&](Node group, std::uint32_t number) {
    for (const Node member : principals.MembersOf(group)) {
      const auto found = numbers.find(member);
      if (found == numbers.end()) continue;
      Removal removal;
      removal.kind = Removal::Kind::kMembership;
      removal.group = group;
      removal.member = member;
      add(number, found->second, &removal);
    }
  };
  for (std::uint32_t i = 0; i < scope.grants.size(); ++i) {
    const ScopeGrant& grant = scope.grants[i];
    if (grant.expired) continue;
    Removal removal;
    removal.grant = i;
    if (!grant.is_link) {
      const auto found = numbers.find(grant.principal);
      if (found != numbers.end()) add(0, found->second, &removal);
      continue;
    }
    const std::uint32_t link = next++;
    removal.kind = Removal::Kind::kLink;
    add(0, link, &removal);
    if (grant.principal != kNoNode) add_members(grant.principal, link);
    if (grant.audience != kNoNode) {
      const auto found = numbers.find(grant.audience);
      if (found != numbers.end()) add(link, found->second, nullptr);
    }
    removal.kind = Removal::Kind::kLinkPerson;
    for (const auto* named : {&grant.people, &grant.groups}) {
      for (const Node each : *named) {
        removal.member = each;
        if (numbers.contains(each)) add(link, numbers.at(each), &removal);
      }
    }
  }
  for (const Node group : above) {
    if (principals.At(group).is_group() && group != node) add_members(group, numbers.at(group));
  }
  for (const Node self : selves) {
    if (self != node) add(numbers.at(self), numbers.at(node), nullptr);
  }
  AccessCut result;
  const auto cut = MinimumCut(next, edges, 0, numbers.at(node));
  // Whatever leads away from the scope can be removed, so there is always a cut.
  if (!cut) return result;
  for (const std::size_t edge : *cut) result.removals.push_back(removals[edge]);
  result.access = !result.removals.empty();
  return result;
}

}  // namespace spa
