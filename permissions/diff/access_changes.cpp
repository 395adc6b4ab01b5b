#include "permissions/diff/access_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "core/ascii.h"
#include "permissions/access/explain.h"

namespace spa {
namespace {

// The versions that stood in just one of the runs ?1 (the earlier) and ?2.
#define SPA_IN_ONE                                              \
  "from_run <= ?2 AND (to_run IS NULL OR to_run > ?1) AND NOT " \
  "(from_run <= ?1 AND (to_run IS NULL OR to_run > ?2)) AND "   \
  "(from_run <= ?1 OR to_run IS NULL OR to_run > ?2)"

constexpr char kScopes[] = "SELECT DISTINCT oid FROM scope WHERE " SPA_IN_ONE;
constexpr char kSiteScopes[] = "SELECT DISTINCT oid FROM site_scope WHERE " SPA_IN_ONE;
// Links that ran out between the beginnings ?3 and ?4 of the runs, in sets that both have.
constexpr char kExpired[] =
    "SELECT DISTINCT s.oid FROM acl_grant g JOIN scope s ON s.acl = g.acl WHERE "
    "g.link_expires_at >= ?3 AND g.link_expires_at < ?4 AND s.from_run <= ?1 AND "
    "(s.to_run IS NULL OR s.to_run > ?2)";

using State = Principal::State;

std::string NameOf(const Principal& who) {
  if (who.kind == Principal::Kind::kPerson) {
    return std::string(!who.login.empty() ? who.login : !who.name.empty() ? who.name : who.mail);
  }
  return std::string(!who.name.empty() ? who.name : who.key);
}

void PutPrincipal(RunChange& change, const Principal& who) {
  change.principal_kind = KindOf(who);
  if (who.kind != Principal::Kind::kAudience) change.principal_id = who.id;
  change.principal_name = NameOf(who);
}

// "Contribute, Edit"; empty where the levels were not told.
std::string LevelsOf(const GrantRow& row) {
  std::string levels;
  const auto list = nlohmann::json::parse(row.levels, nullptr, false);
  for (const auto& level : list) {
    if (!level.is_string()) continue;
    levels += (levels.empty() ? "" : ", ") + level.get<std::string>();
  }
  return levels;
}

std::string Joined(const std::set<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string_view AccountState(const Principal& person) {
  return person.gone ? "deleted" : person.enabled == false ? "disabled" : "enabled";
}

// The principals of a set that are no links, with all each was granted.
struct Granted {
  Granted() = default;
  std::string kind, id, name;
  std::set<std::string> may;  // "write (Contribute)"
  std::set<std::string> roles, levels;
  bool levels_told = true;
  bool role_told = true;

  // Graph tells no levels of items, so they may differ by who was asked alone.
  bool SameAs(const Granted& other) const {
    if (!role_told || !other.role_told) return true;
    if (roles != other.roles) return false;
    return !levels_told || !other.levels_told || levels == other.levels;
  }
};

struct LinkFace {
  LinkFace() = default;
  std::string id, name, expires;
  std::optional<bool> password;
  bool expired = false;
  std::optional<std::set<std::uint32_t>> people;  // none: not known

  std::string Text() const {
    std::string text = name;
    if (!expires.empty()) text += ", until " + expires;
    if (password == true) text += ", with a password";
    if (people && !people->empty()) text += fmt::format(", {} people", people->size());
    return text;
  }
};

}  // namespace

AccessChanges::AccessChanges(sqlite::Database& db, RunSide& before, RunSide& after,
                             NotKnown& not_known, const std::vector<ScopeStep>& steps)
    : sides_{&before, &after}, not_known_(not_known), steps_(steps) {
  Match();
  CompareGroups();
  ComparePeople();
  FindScopes(db);
}

// --- who is who in both runs ---

void AccessChanges::Match() {
  const Principals& was = sides_[0]->principals();
  const Principals& is = sides_[1]->principals();
  for (Node node = 0; node < is.size(); ++node) {
    who_of_[1].push_back(node);
    node_of_[1].push_back(node);
  }
  node_of_[0].assign(is.size(), kNoNode);
  for (Node node = 0; node < was.size(); ++node) {
    const Node same = is.SameAs(was.At(node));
    if (same != kNoNode) {
      who_of_[0].push_back(same);
      if (node_of_[0][same] == kNoNode) node_of_[0][same] = node;
    } else {
      who_of_[0].push_back(static_cast<Who>(node_of_[0].size()));
      node_of_[0].push_back(node);
      node_of_[1].push_back(kNoNode);
    }
  }
}

AccessChanges::Who AccessChanges::WhoIs(int side, Node node) const { return who_of_[side][node]; }

const Principal& AccessChanges::FaceOf(Who who) {
  const int side = node_of_[1][who] != kNoNode ? 1 : 0;
  return sides_[side]->principals().At(node_of_[side][who]);
}

// --- groups and people ---

void AccessChanges::TellMember(ChangeKind kind, int side, Node group, Node member) {
  const Principals& principals = sides_[side]->principals();
  const Principal& in = principals.At(group);
  RunChange& change = changes_.emplace_back();
  change.kind = kind;
  change.object_type = KindOf(in);
  change.object_id = in.id;
  change.object_name = in.name;
  if (!in.site_id.empty()) {
    for (const Oid site : sides_[side]->rows().FindObjects(std::string(in.site_id))) {
      if (const auto face = sides_[side]->rows().FaceOf(site)) change.object_url = face->url;
    }
  }
  PutPrincipal(change, principals.At(member));
}

void AccessChanges::CompareGroups() {
  for (Who who = 0; who < node_of_[0].size(); ++who) {
    const Node nodes[2] = {node_of_[0][who], node_of_[1][who]};
    if (nodes[0] == kNoNode || nodes[1] == kNoNode) continue;
    const Principal& was = sides_[0]->principals().At(nodes[0]);
    const Principal& is = sides_[1]->principals().At(nodes[1]);
    if (!is.is_group()) continue;
    std::vector<Who> members[2];
    for (int side = 0; side < 2; ++side) {
      for (const Node node : sides_[side]->principals().MembersOf(nodes[side])) {
        members[side].push_back(WhoIs(side, node));
      }
      std::sort(members[side].begin(), members[side].end());
    }
    if (was.state == State::kRead && is.state == State::kDeleted) {
      RunChange& change = changes_.emplace_back();
      change.kind = ChangeKind::kPrincipalChanged;
      PutPrincipal(change, is);
      change.before = "present";
      change.after = "deleted";
    }
    if (members[0] == members[1]) continue;
    for (int side = 0; side < 2; ++side) changed_groups_[side].push_back(nodes[side]);
    // The people of a link are told with the link.
    if (!is.link_id.empty() || !sides_[0]->KnowsMembers(nodes[0]) ||
        !sides_[1]->KnowsMembers(nodes[1])) {
      continue;
    }
    for (int side = 0; side < 2; ++side) {
      std::vector<Who> alone;
      std::set_difference(members[side].begin(), members[side].end(), members[1 - side].begin(),
                          members[1 - side].end(), std::back_inserter(alone));
      for (const Who member : alone) {
        TellMember(side == 1 ? ChangeKind::kMemberJoined : ChangeKind::kMemberLeft, side,
                   nodes[side], node_of_[side][member]);
      }
    }
  }
}

void AccessChanges::ComparePeople() {
  for (Who who = 0; who < node_of_[0].size(); ++who) {
    if (node_of_[0][who] == kNoNode || node_of_[1][who] == kNoNode) continue;
    const Principal& was = sides_[0]->principals().At(node_of_[0][who]);
    const Principal& is = sides_[1]->principals().At(node_of_[1][who]);
    const bool known = (was.enabled || was.gone) && (is.enabled || is.gone);
    if (is.kind != Principal::Kind::kPerson || !known || AccountState(was) == AccountState(is)) {
      continue;
    }
    RunChange& change = changes_.emplace_back();
    change.kind = ChangeKind::kPrincipalChanged;
    PutPrincipal(change, is);
    change.before = AccountState(was);
    change.after = AccountState(is);
  }
}

// --- which scopes ---

void AccessChanges::FindScopes(sqlite::Database& db) {
  std::unordered_set<Oid> known;
  for (const ScopeStep& step : steps_) known.insert(step.object);
  const auto add = [&](Oid scope) {
    if (!known.insert(scope).second) return;
    for (RunSide* side : sides_) {
      const auto place = side->PlaceOf(scope);
      if (!place || side->OwnerOf(place->scope) != scope) return;
    }
    steps_.emplace_back(scope, scope, scope);
  };
  const auto query = [&](const char* sql, bool times) {
    sqlite::Statement rows(db, sql);
    times ? rows.Bind(sides_[0]->run(), sides_[1]->run(), sides_[0]->info().started_at,
                      sides_[1]->info().started_at)
          : rows.Bind(sides_[0]->run(), sides_[1]->run());
    while (rows.Step()) add(rows.Int(0));
  };
  query(kScopes, false);
  query(kSiteScopes, false);
  query(kExpired, true);
  for (int side = 0; side < 2; ++side) {
    if (changed_groups_[side].empty()) continue;
    const auto groups = GroupsAbove(sides_[side]->principals(), changed_groups_[side]);
    for (const Oid scope : sides_[side]->index().GrantedToAny(groups)) add(scope);
  }
}

// --- a scope in one run ---

AccessChanges::Half AccessChanges::HalfOf(int side, Oid owner) {
  Half half;
  if (owner == 0) return half;
  half.grants = sides_[side]->access().BareGrantsOf(owner);
  half.top = sides_[side]->rows().TopSiteOf(owner);
  return half;
}

void AccessChanges::FindWays(int side, Half& half) {
  ScopeAccess& access = sides_[side]->access();
  const auto& grants = half.grants.grants;
  half.ways = access.WaysOf(half.grants, access.expansions());
  std::erase_if(half.ways, [&](const auto& way) { return grants[way.grant].expired; });
  for (const auto& way : half.ways) {
    if (half.held.empty() || half.held.back().node != way.who) {
      Held& held = half.held.emplace_back();
      held.node = way.who;
      held.who = WhoIs(side, way.who);
    }
    Held& held = half.held.back();
    const ScopeGrant& grant = grants[way.grant];
    held.all = Stronger(held.all, grant.role);
    if (!grant.site_wide) held.own = Stronger(held.own, grant.role);
    if (way.who < 3 && !way.needs_link) {
      half.audience[way.who] = Stronger(half.audience[way.who], grant.role);
    }
  }
  std::stable_sort(half.held.begin(), half.held.end(),
                   [](const Held& a, const Held& b) { return a.who < b.who; });
  // Two names that the later run knows to be one person.
  std::vector<Held> people;
  for (const Held& held : half.held) {
    if (people.empty() || people.back().who != held.who) {
      people.push_back(held);
    } else {
      people.back().all = Stronger(people.back().all, held.all);
      people.back().own = Stronger(people.back().own, held.own);
    }
  }
  half.held = std::move(people);
}

// The run saw this way itself, and has it not from an earlier one.
bool AccessChanges::Saw(int side, const Half& half, const ScopeAccess::Way& way) {
  RunSide& here = *sides_[side];
  if (half.grants.grants[way.grant].site_wide &&
      !here.KnowsSiteScope(half.top, SourceOf(side, way))) {
    return false;
  }
  if (way.group == kNoNode) return true;
  const auto expansion = here.access().expansions().Of(way.group);
  for (std::uint32_t at = way.chain; at != UINT32_MAX; at = expansion->chains[at].before) {
    if (!here.KnowsMembers(expansion->chains[at].group)) return false;
  }
  return true;
}

// Of what holds for a whole collection: SharePoint tells the administrators, Graph the
// applications.
std::string_view AccessChanges::SourceOf(int side, const ScopeAccess::Way& way) {
  const Principal& who = sides_[side]->principals().At(way.who);
  return who.kind == Principal::Kind::kApplication ? "graph" : "rest";
}

bool AccessChanges::OtherWouldSee(int side, const Half& half, const Half& other,
                                  const ScopeAccess::Way& way) {
  RunSide& there = *sides_[1 - side];
  if (half.grants.grants[way.grant].site_wide && other.top != 0 &&
      !there.KnowsSiteScope(other.top, SourceOf(side, way))) {
    return false;
  }
  if (way.group == kNoNode) return true;
  const auto there_is = [&](Node group) { return node_of_[1 - side][WhoIs(side, group)]; };
  // Where no grant leads to the group any more, it does not matter who is in it.
  const Node named = there_is(way.group);
  const auto& grants = other.grants.grants;
  const bool granted = std::any_of(grants.begin(), grants.end(), [&](const ScopeGrant& each) {
    return !each.expired && (each.principal == named ||
                             std::count(each.groups.begin(), each.groups.end(), named) > 0);
  });
  if (named == kNoNode || !granted) return true;
  const auto expansion = sides_[side]->access().expansions().Of(way.group);
  std::vector<Node> chain;  // The outermost last.
  for (std::uint32_t at = way.chain; at != UINT32_MAX; at = expansion->chains[at].before) {
    chain.push_back(there_is(expansion->chains[at].group));
  }
  for (std::size_t i = chain.size(); i-- > 0;) {
    const State state = there.principals().At(chain[i]).state;
    if (state != State::kRead && state != State::kDeleted) return false;
    if (i == 0) break;
    const auto members = there.principals().MembersOf(chain[i]);
    if (chain[i - 1] == kNoNode ||
        !std::binary_search(members.begin(), members.end(), chain[i - 1])) {
      break;  // It is known not to go on.
    }
  }
  return true;
}

const ScopeAccess::Way* AccessChanges::Proof(int side, const Half& half, const Half& other,
                                             Node node, Role stronger_than) {
  auto way = std::lower_bound(half.ways.begin(), half.ways.end(), node,
                              [](const auto& each, Node wanted) { return each.who < wanted; });
  for (; way != half.ways.end() && way->who == node; ++way) {
    const Role role = half.grants.grants[way->grant].role;
    if (Stronger(stronger_than, role) != stronger_than && Saw(side, half, *way) &&
        OtherWouldSee(side, half, other, *way)) {
      return &*way;
    }
  }
  return nullptr;
}

std::vector<AccessChanges::Difference> AccessChanges::Differences(const Half& before,
                                                                  const Half& after, bool whole) {
  std::vector<Difference> differences;
  const Half* halves[2] = {&before, &after};
  const auto compare = [&](const Held* was, const Held* is) {
    const Held* held[2] = {was, is};
    if (whole ? (was ? was->all : Role::kNone) == (is ? is->all : Role::kNone)
              : (was ? was->own : Role::kNone) == (is ? is->own : Role::kNone)) {
      return;
    }
    const Who who = (is ? is : was)->who;
    Role role[2];
    for (int side = 0; side < 2; ++side) {
      role[side] = held[side] ? held[side]->all : Role::kNone;
      const Node node = node_of_[side][who];
      const int known = node != kNoNode ? side : 1 - side;
      if (who < 3) continue;
      // What holds for an audience that needs no link holds for its people.
      for (const Node self : sides_[known]->access().SelvesOf(node_of_[known][who])) {
        if (self < 3) role[side] = Stronger(role[side], halves[side]->audience[self]);
      }
    }
    if (role[0] == role[1]) return;
    // "other" is what a run could not tell the rights of: no change by itself.
    const bool untold = role[0] == Role::kOther || role[1] == Role::kOther;
    if (untold && role[0] != Role::kNone && role[1] != Role::kNone) return;
    const int side = Stronger(role[0], role[1]) == role[1] ? 1 : 0;  // where there is more
    if (held[side] == nullptr) return;
    const ScopeAccess::Way* proof =
        Proof(side, *halves[side], *halves[1 - side], held[side]->node, role[1 - side]);
    if (proof == nullptr) return;
    Difference& difference = differences.emplace_back();
    difference.kind = role[0] == Role::kNone   ? ChangeKind::kAccessGained
                      : role[1] == Role::kNone ? ChangeKind::kAccessLost
                                               : ChangeKind::kAccessChanged;
    difference.before = role[0];
    difference.after = role[1];
    const Principal& face = FaceOf(who);
    difference.principal_kind = KindOf(face);
    if (who >= 3) difference.principal_id = face.id;
    difference.principal_name = NameOf(face);
    Reach reach;
    sides_[side]->access().AppendPath(halves[side]->grants, *proof, proof->who, reach);
    difference.via = WayText(reach.Path(0));
  };
  auto was = before.held.begin();
  auto is = after.held.begin();
  while (was != before.held.end() || is != after.held.end()) {
    if (is == after.held.end() || (was != before.held.end() && was->who < is->who)) {
      compare(&*was++, nullptr);
    } else if (was == before.held.end() || is->who < was->who) {
      compare(nullptr, &*is++);
    } else {
      compare(&*was++, &*is++);
    }
  }
  return differences;
}

bool AccessChanges::EachAccess(const std::function<bool(const RunChange&)>& use) {
  struct Place {
    std::string url;
    RunChange face;
    const ScopeStep* step = nullptr;
  };
  std::vector<Place> places;
  for (const ScopeStep& step : steps_) {
    auto face = sides_[1]->rows().FaceOf(step.object);
    if (!face) face = sides_[0]->rows().FaceOf(step.object);
    if (!face) continue;
    Place& place = places.emplace_back();
    PutFace(place.face, *face);
    place.url = face->url;
    place.step = &step;
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.url, a.step->object) < std::tie(b.url, b.step->object);
  });
  for (Place& place : places) {
    const ScopeStep& step = *place.step;
    bool known = true;
    for (int side = 0; side < 2; ++side) {
      const Oid owner = side == 0 ? step.before : step.after;
      if (owner == 0 || sides_[side]->KnowsScope(owner)) continue;
      not_known_.AddObject(owner, side, "its permissions were not read in this run");
      known = false;
    }
    if (!known) continue;
    Half before = HalfOf(0, step.before), after = HalfOf(1, step.after);
    CompareGrants(step, place.face, before, after);
    const bool whole = step.object == (step.after != 0 ? after.top : before.top);
    std::string signature = SignatureOf(before.grants) + '\1' + SignatureOf(after.grants);
    signature += whole ? '!' : '-';
    for (int side = 0; side < 2; ++side) {
      const Half& half = side == 0 ? before : after;
      signature += half.top == 0 ? '0' : sides_[side]->KnowsSiteScope(half.top, "rest") ? '1' : '2';
    }
    const auto [alike, fresh] = alike_.try_emplace(std::move(signature));
    if (fresh) {
      FindWays(0, before);
      FindWays(1, after);
      alike->second = Differences(before, after, whole);
    }
    for (const Difference& difference : alike->second) {
      RunChange& change = place.face;
      change.kind = difference.kind;
      change.principal_kind = difference.principal_kind;
      change.principal_id = difference.principal_id;
      change.principal_name = difference.principal_name;
      change.before = difference.before == Role::kNone ? "" : Name(difference.before);
      change.after = difference.after == Role::kNone ? "" : Name(difference.after);
      change.via = difference.via;
      change.widens = Stronger(difference.before, difference.after) == difference.after;
      if (!use(change)) return false;
    }
  }
  return true;
}

// --- grants and links ---

void AccessChanges::CompareGrants(const ScopeStep& step, const RunChange& face, const Half& before,
                                  const Half& after) {
  const Half* halves[2] = {&before, &after};
  const Oid owners[2] = {step.before, step.after};
  std::map<std::string, Granted> granted[2];
  std::map<std::string, LinkFace> links[2];
  for (int side = 0; side < 2; ++side) {
    if (owners[side] == 0) continue;
    RunSide& run = *sides_[side];
    std::size_t at = 0;
    const auto take = [&](const GrantRow& row) {
      const ScopeGrant& grant = halves[side]->grants.grants[at++];
      if (grant.is_link) {
        if (owners[side] != step.object) return;
        LinkFace& link = links[side][AsciiLower(grant.link_id)];
        link.id = grant.link_id;
        link.name = grant.name;
        link.expires = row.link_expires_at;
        link.password = row.link_has_password;
        link.expired = grant.expired;
        std::set<std::uint32_t> people;
        for (const auto* named : {&grant.people, &grant.groups}) {
          for (const Node node : *named) people.insert(WhoIs(side, node));
        }
        bool known = true;
        if (grant.principal != kNoNode) {
          known = run.KnowsMembers(grant.principal);
          for (const Node node : run.principals().MembersOf(grant.principal)) {
            if (node >= 3) people.insert(WhoIs(side, node));
          }
        }
        if (known) link.people = std::move(people);
        return;
      }
      // Each interface numbers grants in its own way; a login is the same in both.
      std::string key = row.principal_login.empty() ? "grant " + std::string(row.grant_id)
                                                    : "login " + AsciiLower(row.principal_login);
      if (grant.principal != kNoNode) {
        key = fmt::format("who {}", WhoIs(side, grant.principal));
      }
      if (grant.site_wide) key += " of the collection";
      Granted& one = granted[side][key];
      if (grant.principal != kNoNode) {
        const Principal& who = run.principals().At(grant.principal);
        one.kind = KindOf(who);
        if (who.kind != Principal::Kind::kAudience) one.id = who.id;
        one.name = NameOf(who);
      }
      if (one.name.empty()) one.name = row.principal_name;
      if (one.kind.empty()) one.kind = row.principal_type;
      const std::string levels = LevelsOf(row);
      one.may.insert(levels.empty() ? std::string(row.role)
                                    : fmt::format("{} ({})", row.role, levels));
      one.roles.emplace(row.role);
      one.levels.insert(levels);
      one.levels_told = one.levels_told && !levels.empty();
      one.role_told = one.role_told && row.role != Name(Role::kOther);
    };
    run.rows().EachGrant(owners[side], take);
    // What holds for the collection is told at its topmost site, where both runs know it.
    if (step.before != step.after || step.object != halves[side]->top) continue;
    run.rows().EachSiteGrant(step.object, [&](const GrantRow& row) {
      const std::string_view source = row.principal_type == "application" ? "graph" : "rest";
      if (sides_[0]->KnowsSiteScope(step.object, source) &&
          sides_[1]->KnowsSiteScope(step.object, source)) {
        take(row);
      } else {
        ++at;
      }
    });
  }
  const auto tell = [&](ChangeKind kind) -> RunChange& {
    RunChange& change = changes_.emplace_back(face);
    change.kind = kind;
    return change;
  };
  const auto name_link = [](RunChange& change, const LinkFace& link) {
    change.principal_kind = "link";
    change.principal_id = link.id;
    change.principal_name = link.name;
  };
  for (const auto& [id, was] : links[0]) {
    if (links[1].contains(id)) continue;
    RunChange& change = tell(ChangeKind::kLinkRemoved);
    name_link(change, was);
    change.before = was.Text();
  }
  for (const auto& [id, is] : links[1]) {
    const auto found = links[0].find(id);
    if (found == links[0].end()) {
      RunChange& change = tell(ChangeKind::kLinkCreated);
      name_link(change, is);
      change.after = is.Text();
      continue;
    }
    const LinkFace& was = found->second;
    std::vector<std::string> what;
    if (was.name != is.name) what.emplace_back("another kind");
    if (was.expires != is.expires) what.emplace_back("expiry");
    if (was.password && is.password && was.password != is.password) what.emplace_back("password");
    if (was.people && is.people && *was.people != *is.people) {
      std::vector<Who> joined, left;
      std::set_difference(is.people->begin(), is.people->end(), was.people->begin(),
                          was.people->end(), std::back_inserter(joined));
      std::set_difference(was.people->begin(), was.people->end(), is.people->begin(),
                          is.people->end(), std::back_inserter(left));
      std::string people = "people";
      for (const Who who : joined) people += " +" + NameOf(FaceOf(who));
      for (const Who who : left) people += " -" + NameOf(FaceOf(who));
      what.push_back(std::move(people));
    }
    const bool ran_out = is.expired && !was.expired && was.expires == is.expires;
    if (what.empty() && !ran_out) continue;
    RunChange& change = tell(ran_out ? ChangeKind::kLinkExpired : ChangeKind::kLinkChanged);
    name_link(change, is);
    change.before = was.Text();
    change.after = is.Text();
    change.detail = fmt::format("{}", fmt::join(what, "; "));
  }
  // What came or went as a whole is told as access, what only moved is not about grants.
  if (owners[0] == 0 || owners[1] == 0 || (owners[0] != step.object && owners[1] != step.object)) {
    return;
  }
  const auto name_grant = [](RunChange& change, const Granted& grant, const std::string& key) {
    change.principal_kind = grant.kind;
    change.principal_id = grant.id;
    change.principal_name = grant.name;
    if (key.ends_with(" of the collection")) {
      change.via = grant.kind == "application" ? "app_grant" : "site_admin";
    }
  };
  for (const auto& [key, was] : granted[0]) {
    const auto is = granted[1].find(key);
    if (is != granted[1].end() && is->second.SameAs(was)) continue;
    const bool gone = is == granted[1].end();
    RunChange& change = tell(gone ? ChangeKind::kGrantRemoved : ChangeKind::kGrantChanged);
    name_grant(change, was, key);
    change.before = Joined(was.may);
    if (!gone) change.after = Joined(is->second.may);
  }
  for (const auto& [key, is] : granted[1]) {
    if (granted[0].contains(key)) continue;
    RunChange& change = tell(ChangeKind::kGrantAdded);
    name_grant(change, is, key);
    change.after = Joined(is.may);
  }
}

}  // namespace spa
