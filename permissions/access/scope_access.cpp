#include "permissions/access/scope_access.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "permissions/claim.h"
#include "permissions/rights.h"

namespace spa {
namespace {

Role RoleNamed(std::string_view name) {
  for (const Role role : {Role::kRead, Role::kWrite, Role::kOwner, Role::kOther}) {
    if (Name(role) == name) return role;
  }
  return Role::kNone;
}

template <class Use>
void EachText(std::string_view list, Use use) {
  if (list.size() <= 2) return;
  for (const auto& text : nlohmann::json::parse(list, nullptr, false)) {
    if (text.is_string()) use(text.get_ref<const std::string&>());
  }
}

Audience AudienceOf(Node node, const Principals& principals) {
  switch (node) {
    case kAnyoneNode:
      return Audience::kAnyone;
    case kOrganizationNode:
      return Audience::kOrganization;
    case kEveryoneNode:
      return Audience::kEveryone;
    default:
      return principals.At(node).kind == Principal::Kind::kApplication ? Audience::kApplication
                                                                       : Audience::kPerson;
  }
}

// Calls `use` with the steps of those in `who`, which is in order; of everybody where it is empty.
template <class Use>
void EachStep(const Expansion& group, std::span<const Node> who, Use use) {
  const auto& steps = group.steps;
  if (who.empty() || who.size() > steps.size() / 16) {  // Side by side.
    auto wanted = who.begin();
    for (const Step& step : steps) {
      while (wanted != who.end() && *wanted < step.who) ++wanted;
      if (who.empty() || (wanted != who.end() && *wanted == step.who)) use(step);
    }
    return;
  }
  for (const Node node : who) {
    auto step = std::lower_bound(steps.begin(), steps.end(), node,
                                 [](const Step& each, Node wanted) { return each.who < wanted; });
    for (; step != steps.end() && step->who == node; ++step) use(*step);
  }
}

}  // namespace

Role Stronger(Role a, Role b) { return Strength(a) >= Strength(b) ? a : b; }

std::string SignatureOf(const ScopeGrants& scope) {
  std::string text;
  const auto put = [&](auto number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const ScopeGrant& grant : scope.grants) {
    put(grant.principal);
    put(grant.audience);
    put(static_cast<char>(grant.role));
    put(static_cast<char>(grant.expired * 4 + grant.is_link * 2 + grant.site_wide));
    text += grant.link_scope;
    text += grant.is_link ? grant.name : "";  // Paths tell it.
    text += '\n';
    put(grant.people.size());
    for (const Node person : grant.people) put(person);
    put(grant.groups.size());
    for (const Node group : grant.groups) put(group);
  }
  return text;
}

std::optional<ScopeGrants> ScopeAccess::GrantsOf(Oid owner) {
  auto face = rows_.FaceOf(owner);
  if (!face) return std::nullopt;
  ScopeGrants scope = BareGrantsOf(owner);
  scope.type = face->type;
  scope.id = std::move(face->id);
  scope.url = std::move(face->url);
  scope.name = std::move(face->name);
  return scope;
}

ScopeGrants ScopeAccess::BareGrantsOf(Oid owner) {
  ScopeGrants scope;
  scope.owner = owner;
  const Oid top = rows_.TopSiteOf(owner);
  scope.site_id = rows_.GraphIdOf(top);
  scope.narrowed = rows_.IsNarrowed(owner);
  scope.sharing = rows_.SharingOf(top);
  scope.unread = !rows_.IsRead(owner) || !rows_.KnowsAdmins(top);
  rows_.EachGrant(owner,
                  [&](const GrantRow& row) { scope.grants.push_back(Read(row, scope.site_id)); });
  rows_.EachSiteGrant(top, [&](const GrantRow& row) {
    scope.grants.push_back(Read(row, scope.site_id));
    scope.grants.back().site_wide = true;
  });
  return scope;
}

ScopeGrant ScopeAccess::Read(const GrantRow& row, const std::string& site_id) const {
  ScopeGrant grant;
  grant.grant_id = row.grant_id;
  grant.role = RoleNamed(row.role);
  grant.name = row.principal_name;
  grant.is_link = row.principal_type == "link";
  if (!grant.is_link) {
    grant.principal = principals_.OfGrant(row, site_id);
    // The platform's own accounts are nobody.
    grant.lower = grant.principal == kNoNode && ParseClaim(row.principal_login).name != "system";
    return grant;
  }
  grant.link_id = row.principal_id;
  grant.link_scope = row.link_scope;
  grant.name = row.link_scope;
  if (!row.link_type.empty())
    grant.name += (grant.name.empty() ? "" : " ") + std::string(row.link_type);
  // Both are of the form "2026-12-31T00:00:00Z"; what comes first in order came first in time.
  grant.expired = !row.link_expires_at.empty() && row.link_expires_at < rows_.started_at();
  grant.principal = principals_.GroupOfLink(row.principal_id);
  if (row.link_scope == "anonymous" || row.principal_login.starts_with("c:0u.c|tenant|")) {
    grant.audience = kAnyoneNode;
  } else if (row.link_scope == "organization") {
    grant.audience = kOrganizationNode;
  } else {
    // Names do not narrow the other links; this one is for those it names.
    const auto take = [&](Node node) {
      if (node == kNoNode) {
        grant.lower = true;
      } else if (!principals_.At(node).is_group()) {
        grant.people.push_back(node);
      } else if (grant.principal == kNoNode) {  // Else it stands in the link's hidden group.
        grant.groups.push_back(node);
      }
    };
    EachText(row.link_people, [&](const std::string& id) { take(principals_.ById(id)); });
    EachText(row.link_invited, [&](const std::string& address) {
      take(principals_.ByAddress(NameOfLogin(address)));
    });
    // A link whose audience nobody told (its group is all there is) may be for more.
    if (row.link_scope != "users") grant.lower = true;
  }
  std::sort(grant.people.begin(), grant.people.end());
  grant.people.erase(std::unique(grant.people.begin(), grant.people.end()), grant.people.end());
  return grant;
}

std::vector<ScopeAccess::Way> ScopeAccess::WaysOf(const ScopeGrants& scope, Expansions& expansions,
                                                  std::span<const Node> asked) {
  std::vector<Node> who(asked.begin(), asked.end());
  std::sort(who.begin(), who.end());
  std::vector<Way> ways;
  const auto wanted = [&](Node node) {
    return who.empty() || std::binary_search(who.begin(), who.end(), node);
  };
  const auto put = [&](Node node, std::uint32_t grant, Node group, std::uint32_t chain,
                       bool needs_link) {
    Way way;
    way.who = node;
    way.grant = grant;
    way.group = group;
    way.chain = chain;
    way.needs_link = needs_link;
    ways.push_back(way);
  };
  const auto put_group = [&](Node named, std::uint32_t grant, bool needs_link) {
    const auto group = expansions.Of(named);
    EachStep(*group, who,
             [&](const Step& step) { put(step.who, grant, named, step.chain, needs_link); });
    // Groups that were asked for: the chains that end in them. Nodes of groups come last.
    if (who.empty() || !principals_.At(who.back()).is_group()) return;
    for (std::uint32_t chain = 0; chain < group->chains.size(); ++chain) {
      const Node last = group->chains[chain].group;
      if (wanted(last)) put(last, grant, named, chain, needs_link);
    }
  };
  for (std::uint32_t i = 0; i < scope.grants.size(); ++i) {
    const ScopeGrant& grant = scope.grants[i];
    if (grant.principal != kNoNode && !expansions.Without(grant.principal)) {
      if (principals_.At(grant.principal).is_group()) {
        put_group(grant.principal, i, /*needs_link=*/false);
      } else if (wanted(grant.principal)) {
        put(grant.principal, i, kNoNode, 0, false);
      }
    }
    if (!grant.is_link) continue;
    if (grant.audience != kNoNode && wanted(grant.audience)) {
      put(grant.audience, i, kNoNode, 0, true);
    }
    for (const Node person : grant.people) {
      if (!wanted(person) || expansions.Without(person)) continue;
      // Who stands in the link's group has redeemed it and needs the address no more.
      bool redeemed = false;
      if (grant.principal != kNoNode) {
        EachStep(*expansions.Of(grant.principal), {&person, 1},
                 [&](const Step&) { redeemed = true; });
      }
      if (!redeemed) put(person, i, kNoNode, 0, true);
    }
    for (const Node named : grant.groups) {
      if (!expansions.Without(named)) put_group(named, i, /*needs_link=*/true);
    }
  }
  std::sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) {
    return std::tie(a.who, a.grant, a.group, a.chain) < std::tie(b.who, b.grant, b.group, b.chain);
  });
  return ways;
}

void ScopeAccess::Reaches(const ScopeGrants& scope, const std::function<bool(const Reach&)>& use) {
  const std::vector<Way> ways = WaysOf(scope, expansions_);
  const Bound bound = BoundOf(scope);
  Reach reach;
  for (std::size_t begin = 0; begin < ways.size();) {
    std::size_t end = begin;
    while (end < ways.size() && ways[end].who == ways[begin].who) ++end;
    Fill(scope, std::span(ways).subspan(begin, end - begin), ways[begin].who, reach);
    reach.bound = bound;
    if (!use(reach)) return;
    begin = end;
  }
}

bool ScopeAccess::ReachOf(const ScopeGrants& scope, std::span<const Node> who, Reach& reach) {
  std::vector<Way> ways = WaysOf(scope, expansions_, who);
  if (ways.empty()) return false;
  // The person's own ways first.
  std::stable_sort(ways.begin(), ways.end(), [&](const Way& a, const Way& b) {
    return a.who == who.front() && b.who != who.front();
  });
  Fill(scope, ways, who.front(), reach);
  reach.bound = BoundOf(scope);
  return true;
}

Bound ScopeAccess::BoundOf(const ScopeGrants& scope) {
  const bool lower =
      scope.unread ||
      std::any_of(scope.grants.begin(), scope.grants.end(), [&](const ScopeGrant& grant) {
        const auto unread = [&](Node group) { return expansions_.Of(group)->lower; };
        return grant.lower ||
               (grant.principal != kNoNode && principals_.At(grant.principal).is_group() &&
                unread(grant.principal)) ||
               std::any_of(grant.groups.begin(), grant.groups.end(), unread);
      });
  if (scope.narrowed) return lower ? Bound::kOpen : Bound::kUpper;
  return lower ? Bound::kLower : Bound::kExact;
}

std::vector<Node> ScopeAccess::SelvesOf(Node node) const {
  const Principal& p = principals_.At(node);
  std::vector<Node> selves = {node};
  if (p.kind != Principal::Kind::kPerson) return selves;
  // Everybody may have got an anonymous link; Everyone counts guests (permissions.md 4).
  selves.push_back(kAnyoneNode);
  if (p.guest == Principal::Guest::kMember) selves.push_back(kOrganizationNode);
  selves.push_back(kEveryoneNode);
  return selves;
}

std::string_view ScopeAccess::BlockOf(Node node) const {
  const Principal& p = principals_.At(node);
  if (p.kind != Principal::Kind::kPerson) return "";
  return p.gone ? "deleted" : p.enabled == false ? "disabled" : "";
}

// Guests are locked out where nobody from outside may be shared with, and anonymous links are where
// they are not allowed, though both stay where they are (permissions.md 7.2).
bool ScopeAccess::IsShut(const ScopeGrants& scope, const Way& way, Node told) const {
  if (scope.sharing == Sharing::kUnknown) return false;
  if (way.who == kAnyoneNode && scope.sharing != Sharing::kAnyone) return true;
  return scope.sharing == Sharing::kOff && principals_.At(told).is_guest();
}

// --- one reach ---

void ScopeAccess::Fill(const ScopeGrants& scope, std::span<const Way> ways, Node told,
                       Reach& reach) {
  const Principal& who = principals_.At(told);
  reach.audience = AudienceOf(told, principals_);
  const bool named = reach.audience >= Audience::kPerson;
  reach.user_id = named ? who.id : std::string_view();
  reach.user_principal_name = named ? who.login : std::string_view();
  reach.user_name = who.name;
  reach.user_type = who.guest == Principal::Guest::kGuest    ? "guest"
                    : who.guest == Principal::Guest::kMember ? "member"
                                                             : "";
  reach.role = Role::kNone;
  reach.more_paths = false;
  reach.hops.clear();
  reach.ends.clear();
  // What counts are the open ways; else those that sharing shuts; else those that have run out.
  int best = 0;
  const auto rank = [&](const Way& way) {
    return scope.grants[way.grant].expired ? 0 : IsShut(scope, way, told) ? 1 : 2;
  };
  for (const Way& way : ways) best = std::max(best, rank(way));
  bool needs_link = true;
  for (const Way& way : ways) {
    if (rank(way) == best) {
      needs_link = needs_link && way.needs_link;
      reach.role = Stronger(reach.role, scope.grants[way.grant].role);
    }
    if (way.group != kNoNode && !reach.more_paths) {
      reach.more_paths = expansions_.Of(way.group)->more;
    }
    if (reach.paths() < kMostPaths) {
      AppendPath(scope, way, told, reach);
    } else {
      reach.more_paths = true;
    }
  }
  reach.needs_link = needs_link;
  reach.blocked_by = BlockOf(told);
  if (reach.blocked_by.empty() && best < 2)
    reach.blocked_by = best == 1 ? "sharing_off" : "expired";
}

void ScopeAccess::AppendPath(const ScopeGrants& scope, const Way& way, Node told,
                             Expansions& expansions, Reach& reach) {
  const ScopeGrant& grant = scope.grants[way.grant];
  const auto put = [&](Node node) {
    const Principal& p = principals_.At(node);
    if (p.kind == Principal::Kind::kAudience) {
      reach.hops.emplace_back(KindOf(p), "", "");  // Its titles are localised.
    } else {
      reach.hops.emplace_back(KindOf(p), p.id, p.name.empty() ? p.login : p.name);
    }
  };
  reach.hops.emplace_back(Name(scope.type), scope.id, scope.name);
  if (grant.site_wide) {
    const bool app = principals_.At(grant.principal).kind == Principal::Kind::kApplication;
    reach.hops.emplace_back(app ? "app_grant" : "site_admin", scope.site_id, "");
  }
  if (grant.is_link) reach.hops.emplace_back("link", grant.link_id, grant.name);
  if (way.group != kNoNode) {
    const auto expansion = expansions.Of(way.group);
    const std::size_t first = reach.hops.size();
    // Backwards from the last group; a link stands for its hidden group.
    for (std::uint32_t chain = way.chain; chain != UINT32_MAX;
         chain = expansion->chains[chain].before) {
      const Node group = expansion->chains[chain].group;
      if (!grant.is_link || group != grant.principal) put(group);
    }
    std::reverse(reach.hops.begin() + static_cast<std::ptrdiff_t>(first), reach.hops.end());
  }
  // A link for an audience ends there; a group that was asked for stands at its chain's end.
  const bool link_audience = grant.is_link && way.group == kNoNode && way.who == grant.audience;
  if (!link_audience && !principals_.At(way.who).is_group()) put(way.who);
  if (way.who != told) put(told);
  reach.ends.push_back(reach.hops.size());
}

}  // namespace spa
