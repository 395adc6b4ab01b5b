#include "permissions/access/principals.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/ascii.h"
#include "core/config/config_keys.h"
#include "permissions/claim.h"

namespace spa {
namespace {

using Kind = Principal::Kind;
using Guest = Principal::Guest;
using State = Principal::State;

Guest GuestOf(std::string_view user_type, std::string_view login) {
  if (user_type == "guest" || IsGuestName(login) ||
      ParseClaim(login).type == PrincipalType::kGuest) {
    return Guest::kGuest;
  }
  return user_type == "member" ? Guest::kMember : Guest::kUnknown;
}

State StateOfGap(const GroupGap& gap) {
  if (gap.state == Name(CoverageState::kMembersHidden)) return State::kHidden;
  return gap.state == Name(CoverageState::kStale) ? State::kStale : State::kFailed;
}

Kind KindOfKey(std::string_view key) {
  return key.starts_with("group_owners:") ? Kind::kGroupOwners
         : key.starts_with("site_group:") ? Kind::kSiteGroup
                                          : Kind::kGroup;
}

std::string KeyOf(std::string_view id, bool owners) {
  return (owners ? "group_owners:" : "group:") + AsciiLower(id);
}

template <class Use>
void EachText(std::string_view list, Use use) {
  if (list.size() <= 2) return;
  for (const auto& text : nlohmann::json::parse(list, nullptr, false)) {
    if (text.is_string()) use(text.get_ref<const std::string&>());
  }
}

}  // namespace

std::string_view Name(State state) {
  switch (state) {
    case State::kRead:
      return "read";
    case State::kStale:
      return "stale";
    case State::kHidden:
      return "hidden";
    case State::kDeleted:
      return "deleted";
    case State::kFailed:
      return "failed";
    case State::kNotAsked:
      return "not_asked";
  }
  return "failed";
}

std::string_view KindOf(const Principal& principal) {
  switch (principal.kind) {
    case Kind::kAudience:
      return principal.id == "organization" ? "everyone_except_external" : principal.id;
    case Kind::kPerson:
      return principal.is_guest() ? "guest" : "user";
    case Kind::kApplication:
      return "application";
    case Kind::kGroup:
      return "group";
    case Kind::kGroupOwners:
      return "group_owners";
    case Kind::kSiteGroup:
      return "site_group";
  }
  return "user";
}

std::string NameOfLogin(std::string_view login) {
  const auto bar = login.rfind('|');
  std::string name = AsciiLower(bar == std::string_view::npos ? login : login.substr(bar + 1));
  for (const std::string_view mark : {"urn:spo:guest#", "urn%3aspo%3aguest#"}) {
    if (name.starts_with(mark)) name.erase(0, mark.size());
  }
  return name;
}

Principals::Principals(AccessRows& rows) {
  for (const std::string_view word : {"anyone", "organization", "everyone"}) {
    const Node node = Add(Kind::kAudience);
    nodes_[node].id = nodes_[node].name = word;
  }
  ReadGroups(rows);
  ReadMembers(rows);
  ReadGrantees(rows);
  ReadDirectory(rows);
  for (const Stranger& stranger : strangers_) Resolve(stranger);
  strangers_ = {};
  Number();
}

std::span<const Node> Principals::MembersOf(Node group) const {
  const std::uint32_t list = nodes_[group].list;
  return list == UINT32_MAX ? std::span<const Node>() : std::span<const Node>(lists_[list]);
}

bool Principals::HasStrangers(Node group) const {
  const std::uint32_t list = nodes_[group].list;
  return list != UINT32_MAX && strange_[list];
}

std::span<const Node> Principals::GroupsWith(Node member) {
  if (above_begin_.empty()) {
    above_begin_.assign(nodes_.size() + 1, 0);
    const auto each = [&](const auto& use) {
      for (Node group = 0; group < nodes_.size(); ++group) {
        for (const Node node : MembersOf(group)) use(node, group);
      }
    };
    each([&](Node node, Node) { ++above_begin_[node + 1]; });
    std::partial_sum(above_begin_.begin(), above_begin_.end(), above_begin_.begin());
    above_.resize(above_begin_.back());
    std::vector<std::uint32_t> next(above_begin_.begin(), above_begin_.end() - 1);
    each([&](Node node, Node group) { above_[next[node]++] = group; });
  }
  return std::span(above_).subspan(above_begin_[member],
                                   above_begin_[member + 1] - above_begin_[member]);
}

// --- who is who ---

std::string_view Principals::Keep(std::string_view text) {
  constexpr std::size_t kBlock = 1 << 16;
  if (text.empty()) return {};
  if (texts_.empty() || texts_.back().capacity() - texts_.back().size() < text.size()) {
    texts_.emplace_back().reserve(std::max(kBlock, text.size()));
  }
  std::string& block = texts_.back();
  block += text;
  return std::string_view(block).substr(block.size() - text.size());
}

Node& Principals::Entry(Names& names, std::string_view text, bool& fresh) {
  const auto found = names.find(text);
  fresh = found == names.end();
  return fresh ? names.emplace(Keep(text), kNoNode).first->second : found->second;
}

Node Principals::Add(Kind kind) {
  nodes_.emplace_back().kind = kind;
  from_directory_.push_back(false);
  return static_cast<Node>(nodes_.size() - 1);
}

Node Principals::AddKnown(const Face& face) {
  bool fresh = false;
  const std::string id = AsciiLower(face.id);
  Node& node = Entry(by_id_, id, fresh);
  if (fresh) {
    node = Add(Kind::kPerson);
    nodes_[node].id = Keep(id);
  }
  Improve(node, face);
  return node;
}

// What the directory says of a name counts before what SharePoint remembers; among equals the first
// in order, so that nothing depends on the order of the rows.
void Principals::Improve(Node node, const Face& face) {
  Principal& person = nodes_[node];
  const bool directory = !face.login.empty() && face.login.find('|') == std::string_view::npos;
  const std::string login = directory ? std::string(face.login) : NameOfLogin(face.login);
  const auto better = [&](std::string_view now, std::string_view then) {
    if (now.empty()) return false;
    if (then.empty()) return true;
    if (directory != from_directory_[node]) return directory;
    return now < then;
  };
  const bool renamed = better(login, person.login);
  if (renamed) person.login = Keep(login);
  if (better(face.name, person.name)) person.name = Keep(face.name);
  if (better(face.mail, person.mail)) person.mail = Keep(face.mail);
  if (directory) from_directory_[node] = true;
  if (face.guest > person.guest) person.guest = face.guest;
  if (face.enabled) person.enabled = person.enabled.value_or(true) && *face.enabled;
  person.gone = person.gone || face.gone;

  const auto note = [&](Names& names, const std::string& name) {
    if (name.empty()) return;
    bool fresh = false;
    Node& known = Entry(names, name, fresh);
    // Where two have it, it tells nobody.
    known = fresh || known == node ? node : kNoNode;
  };
  note(by_login_, AsciiLower(login));
  note(by_mail_, AsciiLower(face.mail));
}

void Principals::TakePerson(const Face& face, std::uint32_t list) {
  if (!face.id.empty()) {
    const Node node = AddKnown(face);
    if (list != UINT32_MAX) lists_[list].push_back(node);
    return;
  }
  Stranger stranger;
  stranger.list = list;
  stranger.login = face.login;
  stranger.name = face.name;
  stranger.mail = face.mail;
  stranger.guest = face.guest;
  stranger.enabled = face.enabled;
  stranger.gone = face.gone;
  strangers_.push_back(std::move(stranger));
}

void Principals::Resolve(const Stranger& stranger) {
  Face face;
  const std::string login =
      stranger.login.empty() ? AsciiLower(stranger.mail) : NameOfLogin(stranger.login);
  face.login = stranger.login.empty() ? std::string_view(login) : stranger.login;
  face.name = stranger.name;
  face.mail = stranger.mail;
  face.guest = stranger.guest;
  Node node = Lookup(by_login_, login);
  if (node == kNoNode) node = Lookup(by_mail_, login);
  if (node == kNoNode && !by_login_.contains(std::string_view(login))) {
    node = Lookup(by_mail_, AsciiLower(stranger.mail));
  }
  if (node == kNoNode) {
    if (login.empty()) {
      if (stranger.list != UINT32_MAX) strange_[stranger.list] = true;
      return;
    }
    node = Add(Kind::kPerson);
    nodes_[node].login = Keep(login);
    bool fresh = false;
    Entry(by_login_, login, fresh) = node;
    if (!stranger.mail.empty()) {
      Node& by_mail = Entry(by_mail_, AsciiLower(stranger.mail), fresh);
      if (fresh) by_mail = node;
    }
    if (nodes_[node].name.empty()) nodes_[node].name = Keep(stranger.name);
    nodes_[node].mail = Keep(stranger.mail);
    nodes_[node].guest = stranger.guest;
  } else if (nodes_[node].id.empty()) {
    if (face.guest > nodes_[node].guest) nodes_[node].guest = face.guest;
    if (nodes_[node].name.empty()) nodes_[node].name = Keep(face.name);
  }
  Principal& person = nodes_[node];
  if (stranger.enabled) person.enabled = person.enabled.value_or(true) && *stranger.enabled;
  person.gone = person.gone || stranger.gone;
  if (stranger.list != UINT32_MAX) lists_[stranger.list].push_back(node);
}

Node Principals::AddGroup(std::string_view key, Kind kind, std::string_view id) {
  bool fresh = false;
  Node& node = Entry(groups_, key, fresh);
  if (fresh) {
    node = Add(kind);
    nodes_[node].key = Keep(key);
    nodes_[node].id = Keep(id);
    nodes_[node].state = State::kNotAsked;
  }
  return node;
}

void Principals::NameGroup(Node group, std::string_view name) {
  std::string_view& known = nodes_[group].name;
  if (!name.empty() && (known.empty() || name < known)) known = Keep(name);
}

Node Principals::AddApplication(std::string_view id, std::string_view name) {
  bool fresh = false;
  const std::string lower = AsciiLower(id);
  Node& node = Entry(applications_, lower, fresh);
  if (fresh) {
    node = Add(Kind::kApplication);
    nodes_[node].id = Keep(lower);
  }
  NameGroup(node, name);
  return node;
}

// --- rows ---

void Principals::ReadGroups(AccessRows& rows) {
  rows.EachGroup([&](const GroupRow& row) {
    // Directory ids come in either casing; the database keeps what it was given.
    const std::string key = row.kind == "site_group" ? std::string(row.key) : AsciiLower(row.key);
    const Node node = AddGroup(key, KindOfKey(row.key), row.id);
    Principal& group = nodes_[node];
    group.key = Keep(row.key);
    group.state = row.read ? State::kRead : State::kStale;
    group.site_id = Keep(row.site_id);
    group.link_id = Keep(row.link_id);
    bool fresh_link = false;
    NameGroup(node, row.name);
    if (!row.link_id.empty()) Entry(links_, row.link_id, fresh_link) = node;
    const auto [list, fresh] =
        list_of_set_.try_emplace(row.member_set, static_cast<std::uint32_t>(lists_.size()));
    if (fresh) {
      lists_.emplace_back();
      strange_.push_back(false);
    }
    group.list = list->second;
  });
  rows.EachGroupGap([&](const GroupGap& gap) {
    const std::string key = AsciiLower(gap.key);
    const Node node = AddGroup(key, KindOfKey(key), key.substr(key.find(':') + 1));
    nodes_[node].state = StateOfGap(gap);
  });
}

void Principals::ReadDirectory(AccessRows& rows) {
  rows.EachDirectoryObject([&](const DirectoryRow& row) {
    const bool gone = row.state == "deleted" || row.state == "missing";
    if (row.kind == "user") {
      Face face;
      const bool by_login =
          row.id.find('|') != std::string_view::npos || row.id.find('@') != std::string_view::npos;
      if (!by_login) face.id = row.id;
      // A deleted user's name begins with its id; SharePoint remembers the one it had.
      const bool renamed = row.state == "deleted" && face.id.size() > 0;
      if (by_login) {
        face.login = row.id;
      } else if (!renamed) {
        face.login = row.login;
      }
      face.name = row.name;
      face.mail = row.email;
      face.guest = GuestOf(row.user_type, row.login);
      face.enabled = row.account_enabled;
      face.gone = gone;
      TakePerson(face, UINT32_MAX);
    } else if (row.kind == "group" || row.kind == "directory_role") {
      for (const bool owners : {false, true}) {
        const Node node = Lookup(groups_, KeyOf(row.id, owners));
        if (node == kNoNode) continue;
        NameGroup(node, row.name);
        if (gone) nodes_[node].state = State::kDeleted;
      }
    } else if (row.kind == "application") {
      AddApplication(row.id, row.name);
    }
  });
}

void Principals::ReadMembers(AccessRows& rows) {
  rows.EachMember([&](const MemberRow& row) { TakeMember(row, list_of_set_.at(row.member_set)); });
}

void Principals::TakeMember(const MemberRow& row, std::uint32_t list) {
  const auto put = [&](Node node) { lists_[list].push_back(node); };
  if (row.kind == "user" || row.kind == "guest") {
    Face face;
    face.id = row.id;
    face.login = row.login;
    face.name = row.name;
    face.mail = row.email;
    face.guest = GuestOf(row.user_type, row.login);
    face.enabled = row.account_enabled;
    if (row.id.empty() && row.login.empty() && row.email.empty()) {
      strange_[list] = true;
    } else {
      TakePerson(face, list);
    }
  } else if (row.kind == "group" || row.kind == "group_owners") {
    if (row.id.empty()) {
      strange_[list] = true;
      return;
    }
    const bool owners = row.kind == "group_owners";
    const Node node =
        AddGroup(KeyOf(row.id, owners), owners ? Kind::kGroupOwners : Kind::kGroup, row.id);
    NameGroup(node, row.name);
    put(node);
  } else if (row.kind == "everyone") {
    put(kEveryoneNode);
  } else if (row.kind == "everyone_except_external") {
    put(kOrganizationNode);
  } else if (row.kind == "link") {
    put(kAnyoneNode);  // The principal that stands for an anonymous link.
  } else if (row.kind == "servicePrincipal" || row.kind == "application") {
    if (!row.id.empty()) put(AddApplication(row.id, row.name));
  } else if (row.kind == "unknown" && row.login.find("spo:anon#") == std::string_view::npos &&
             row.login.find("spo%3aanon#") == std::string_view::npos) {
    strange_[list] = true;
  }
}

void Principals::ReadGrantees(AccessRows& rows) {
  Oid last = 0;
  std::string site_id;
  rows.EachGrantee([&](Oid scope, bool, const GrantRow& row) {
    const std::string_view type = row.principal_type;
    Face face;
    if (type == "user" || type == "guest") {
      face.id = row.principal_id;
      face.login = row.principal_login;
      face.name = row.principal_name;
      face.mail = row.principal_email;
      face.guest = type == "guest" ? Guest::kGuest : GuestOf("member", row.principal_login);
      TakePerson(face, UINT32_MAX);
    } else if (type == "group" && !row.principal_id.empty()) {
      const bool owners = row.principal_login.ends_with("_o");
      const Node node = AddGroup(KeyOf(row.principal_id, owners),
                                 owners ? Kind::kGroupOwners : Kind::kGroup, row.principal_id);
      NameGroup(node, row.principal_name);
    } else if (type == "site_group") {
      if (scope != last) site_id = rows.GraphIdOf(rows.TopSiteOf(last = scope));
      const Node node = AddGroup("site_group:" + site_id + ":" + std::string(row.principal_id),
                                 Kind::kSiteGroup, row.principal_id);
      if (nodes_[node].site_id.empty()) nodes_[node].site_id = Keep(site_id);
      NameGroup(node, row.principal_name);
    } else if (type == "application" && !row.principal_id.empty()) {
      AddApplication(row.principal_id, row.principal_name);
    } else if (type == "link") {
      EachText(row.link_groups,
               [&](const std::string& id) { AddGroup(KeyOf(id, false), Kind::kGroup, id); });
      EachText(row.link_people, [&](const std::string& id) {
        if (Lookup(groups_, KeyOf(id, false)) != kNoNode) return;
        Face named;
        named.id = id;
        TakePerson(named, UINT32_MAX);
      });
      EachText(row.link_invited, [&](const std::string& address) {
        Face invited;
        invited.login = address;
        TakePerson(invited, UINT32_MAX);
      });
    } else if (type == "unknown" && !row.principal_email.empty() && row.principal_login.empty()) {
      face.login = row.principal_email;  // Invited by mail, not come yet.
      face.mail = row.principal_email;
      TakePerson(face, UINT32_MAX);
    }
  });
}

void Principals::Number() {
  std::vector<Node> order(nodes_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto tied = [&](Node node) {
    const Principal& p = nodes_[node];
    return std::tuple(std::min(p.kind, Kind::kGroup), p.key, p.id, p.login, p.name);
  };
  std::sort(order.begin() + 3, order.end(), [&](Node a, Node b) { return tied(a) < tied(b); });
  std::vector<Node> place(nodes_.size());
  std::vector<Principal> sorted(nodes_.size());
  for (Node node = 0; node < order.size(); ++node) {
    place[order[node]] = node;
    sorted[node] = nodes_[order[node]];
  }
  nodes_ = std::move(sorted);
  from_directory_ = {};
  for (auto& list : lists_) {
    for (Node& node : list) node = place[node];
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    list.shrink_to_fit();
  }
  for (Names* names : {&by_id_, &by_login_, &by_mail_, &groups_, &links_, &applications_}) {
    for (auto& [name, node] : *names) {
      if (node != kNoNode) node = place[node];
    }
  }
}

// --- looking up ---

Node Principals::Lookup(const Names& names, std::string_view text) const {
  const auto found = names.find(text);
  return found == names.end() ? kNoNode : found->second;
}

Node Principals::OfGrant(const GrantRow& grant, std::string_view site_id) const {
  const std::string_view type = grant.principal_type;
  if (type == "user" || type == "guest") {
    if (!grant.principal_id.empty()) return ById(grant.principal_id);
    const Node node = ByAddress(NameOfLogin(grant.principal_login));
    return node != kNoNode ? node : ByAddress(grant.principal_email);
  }
  if (type == "group") {
    if (grant.principal_id.empty()) return kNoNode;
    return Lookup(groups_, KeyOf(grant.principal_id, grant.principal_login.ends_with("_o")));
  }
  if (type == "site_group") {
    std::string key = "site_group:";
    key += site_id;
    key += ':';
    key += grant.principal_id;
    return Lookup(groups_, key);
  }
  if (type == "everyone") return kEveryoneNode;
  if (type == "everyone_except_external") return kOrganizationNode;
  if (type == "application") return Lookup(applications_, AsciiLower(grant.principal_id));
  if (type == "unknown" && grant.principal_login.empty()) return ByAddress(grant.principal_email);
  return kNoNode;
}

Node Principals::GroupOfLink(std::string_view link_id) const {
  return Lookup(links_, AsciiLower(link_id));
}

Node Principals::ById(std::string_view id) const {
  const std::string lower = AsciiLower(id);
  const Node person = Lookup(by_id_, lower);
  return person != kNoNode ? person : Lookup(groups_, "group:" + lower);
}

Node Principals::ByAddress(std::string_view address) const {
  const std::string lower = AsciiLower(address);
  const Node node = Lookup(by_login_, lower);
  return node != kNoNode ? node : Lookup(by_mail_, lower);
}

Node Principals::SameAs(const Principal& other) const {
  switch (other.kind) {
    case Kind::kAudience:
      return other.id == "anyone" ? kAnyoneNode
             : other.id == "organization" ? kOrganizationNode
                                          : kEveryoneNode;
    case Kind::kPerson: {
      Node node = other.id.empty() ? kNoNode : Lookup(by_id_, AsciiLower(other.id));
      for (const std::string_view address : {other.login, other.mail}) {
        if (node != kNoNode || address.empty()) continue;
        node = ByAddress(address);
        // Two ids are two people, whatever they are called.
        if (node != kNoNode && !other.id.empty() && !nodes_[node].id.empty()) node = kNoNode;
      }
      return node;
    }
    case Kind::kApplication:
      return Lookup(applications_, AsciiLower(other.id));
    case Kind::kGroup:
    case Kind::kGroupOwners:
      return Lookup(groups_, AsciiLower(other.key));
    case Kind::kSiteGroup:
      return Lookup(groups_, other.key);
  }
  return kNoNode;
}

std::vector<Node> Principals::Find(std::string_view text) const {
  const std::string lower = AsciiLower(text);
  for (const Node node : {ById(lower), Lookup(groups_, text), Lookup(groups_, lower),
                          Lookup(applications_, lower), ByAddress(NameOfLogin(text))}) {
    if (node != kNoNode) return {node};
  }
  std::vector<Node> found;
  for (Node node = 0; node < nodes_.size(); ++node) {
    const Principal& p = nodes_[node];
    if (p.name.size() != text.size() && p.mail.size() != text.size()) continue;
    if (p.link_id.empty() && (AsciiLower(p.name) == lower || AsciiLower(p.mail) == lower)) {
      found.push_back(node);
    }
  }
  return found;
}

std::vector<std::string> Principals::Nearest(std::string_view text, std::size_t most) const {
  const std::string lower = AsciiLower(text);
  std::vector<std::pair<std::size_t, std::string>> all;
  for (const Principal& p : nodes_) {
    if (!p.link_id.empty()) continue;
    for (const std::string_view name : {p.login, p.name}) {
      if (name.empty() || name.size() > 2 * text.size() + 8) continue;
      const std::string other = AsciiLower(name);
      const bool inside = lower.size() > 2 && other.find(lower) != std::string::npos;
      all.emplace_back(inside ? 0 : EditDistance(lower, other), std::string(name));
    }
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> nearest;
  for (const auto& [distance, name] : all) {
    if (nearest.size() >= most || distance > std::max<std::size_t>(4, text.size() / 2)) break;
    if (std::find(nearest.begin(), nearest.end(), name) == nearest.end()) nearest.push_back(name);
  }
  return nearest;
}

}  // namespace spa
