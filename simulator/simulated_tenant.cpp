#include "simulator/simulated_tenant.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "simulator/tenant_builder.h"

namespace spa {

using namespace sim;

namespace sim {

std::string_view Name(SiteState state) {
  constexpr std::string_view kNames[] = {"open",      "locked",  "archived",
                                         "forbidden", "missing", "deleted"};
  return kNames[static_cast<int>(state)];
}

ScopeKind KindOf(const Scope& scope) {
  if (!scope.unique) return ScopeKind::kInherits;
  if (!scope.acl.links.empty()) return ScopeKind::kLinks;
  const auto given = [](const Entry& entry) { return !entry.copied; };
  return std::any_of(scope.acl.entries.begin(), scope.acl.entries.end(), given)
             ? ScopeKind::kDirect
             : ScopeKind::kUnshared;
}

}  // namespace sim

namespace {

// What a hash of an item is for.
enum Salt : std::uint64_t { kName = 1, kParent, kScope, kKind, kEntries, kSize, kTime, kOdd };

template <class Map, class Key>
std::optional<std::uint32_t> Find(const Map& map, const Key& key) {
  const auto found = map.find(key);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

}  // namespace

SimulatedTenant::SimulatedTenant(TenantSpec spec) : spec_(std::move(spec)), directory_(spec_) {
  TenantBuilder(*this).Build();
}

std::uint64_t SimulatedTenant::PositionAt(std::string_view time) const {
  for (const auto& [at, before] : times_) {
    if (std::string_view(at).substr(0, 19) >= time.substr(0, 19)) return before;
  }
  return position_;
}

std::optional<std::uint32_t> SimulatedTenant::FindWeb(std::string_view site_id) const {
  if (site_id == "root") return 0;
  // Host and GUIDs in any of the accepted forms: the last GUID decides.
  const auto comma = site_id.rfind(',');
  const auto last = comma == std::string_view::npos ? site_id : site_id.substr(comma + 1);
  return Find(web_by_guid_, Lower(last));
}

std::optional<std::uint32_t> SimulatedTenant::WebAtPath(std::string_view path) const {
  std::string at = Lower(path);
  while (!at.empty() && at.back() == '/') at.pop_back();
  while (true) {
    if (auto web = Find(web_by_path_, at)) return web;
    const auto slash = at.rfind('/');
    if (slash == std::string::npos) return std::nullopt;
    at.resize(slash);
  }
}

std::optional<std::uint32_t> SimulatedTenant::RenamedTo(std::string_view old_path) const {
  return Find(renamed_, Lower(old_path));
}

std::optional<std::uint32_t> SimulatedTenant::FindLibrary(std::string_view drive_id) const {
  return Find(library_by_drive_, std::string(drive_id));
}

std::optional<std::uint32_t> SimulatedTenant::LibraryOfList(const Guid& list_id) const {
  return Find(library_by_list_, Text(list_id));
}

std::optional<std::uint32_t> SimulatedTenant::FindList(const Guid& list_id) const {
  return Find(list_by_guid_, Text(list_id));
}

std::optional<std::uint32_t> SimulatedTenant::FindItem(const Library& library,
                                                       std::string_view id) const {
  if (id == "root") return 0;
  const auto guid = UniqueIdOf(library.prefix, id);
  if (!guid) return std::nullopt;
  if (*guid == RootUniqueId()) return 0;
  const auto item = NumberIn(library.seed, *guid);
  if (!item || *item == 0 || *item > library.items || !Exists(library, *item)) return std::nullopt;
  return item;
}

bool SimulatedTenant::IsFolder(const Library& library, std::uint32_t item) const {
  const ItemChange* change = ChangeOf(library, item);
  return change && change->added ? change->folder : BuiltFolder(library, item);
}

std::uint32_t SimulatedTenant::ParentOf(const Library& library, std::uint32_t item) const {
  const ItemChange* change = ChangeOf(library, item);
  return change && change->parent ? *change->parent : BuiltParent(library, item);
}

bool SimulatedTenant::BuiltFolder(const Library& library, std::uint32_t item) const {
  return item == 0 || (library.stride > 0 && item % library.stride == 1 % library.stride);
}

// Folders form a heap-ordered tree by their ordinal, files lie near their own number: neighbours
// in the list share folders, as in a real library, and some children come before their parent.
std::uint32_t SimulatedTenant::BuiltParent(const Library& library, std::uint32_t item) const {
  if (library.stride == 0) return 0;
  const std::uint32_t ordinal = (item - 1) / library.stride;
  if (BuiltFolder(library, item)) {
    if (ordinal < library.branching) return 0;
    return FolderAt(library, ordinal / library.branching - 1);
  }
  const std::uint64_t hash = Hash(library.seed, item, kParent);
  if (Unit(hash) < 0.03) return 0;
  const std::uint32_t near = ordinal - ordinal % 4 + static_cast<std::uint32_t>(hash % 4);
  return FolderAt(library, near < library.folders ? near : ordinal);
}

void SimulatedTenant::AppendName(std::string& out, const Library& library,
                                 std::uint32_t item) const {
  if (item == 0) {
    out += "root";
    return;
  }
  if (const ItemChange* change = ChangeOf(library, item); change && !change->name.empty()) {
    out += change->name;
    return;
  }
  const std::uint64_t hash = Hash(library.seed, item, kName);
  const std::size_t start = out.size();
  const bool folder = IsFolder(library, item);
  if (Unit(Hash(hash, kOdd)) < spec_.odd_name_rate) {
    out += OddWord(hash);
  } else {
    out += folder ? FolderWord(hash) : FileWord(hash);
  }
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, item).ptr;
  out += ' ';
  out.append(digits, end);
  while (out.size() - start + 5 < library.name_length) out += '~';
  if (!folder) out += FileEnding(hash >> 20);
}

Guid SimulatedTenant::UniqueId(const Library& library, std::uint32_t item) const {
  return item == 0 ? RootUniqueId() : NumberedGuid(library.seed, item);
}

std::string SimulatedTenant::ItemId(const Library& library, std::uint32_t item) const {
  return sim::ItemId(library.prefix, UniqueId(library, item));
}

void SimulatedTenant::AppendItemId(std::string& out, const Library& library,
                                   std::uint32_t item) const {
  sim::AppendItemId(out, library.prefix, UniqueId(library, item));
}

std::int64_t SimulatedTenant::SizeOf(const Library& library, std::uint32_t item) const {
  const ItemChange* change = ChangeOf(library, item);
  const std::uint64_t edited = change ? change->edited : 0;
  const std::uint64_t hash = edited > 0 ? Hash(library.seed, item, kSize, edited)  //
                                        : Hash(library.seed, item, kSize);
  // One file in a few thousand is larger than 2^32 bytes.
  return static_cast<std::int64_t>(hash % 4096 == 0 ? 5'000'000'000ULL + hash % 1'000'000
                                                    : hash % 40'000'000);
}

void SimulatedTenant::AppendModified(std::string& out, const Library& library,
                                     std::uint32_t item) const {
  if (const ItemChange* change = ChangeOf(library, item); change && change->edited > 0) {
    // A second per change, later than everything that was computed.
    const std::uint64_t at = change->edited;
    out += fmt::format("2027-{:02}-{:02}T{:02}:{:02}:{:02}Z", 1 + at / 2'419'200 % 12,
                       1 + at / 86'400 % 28, at / 3'600 % 24, at / 60 % 60, at % 60);
    return;
  }
  const std::uint64_t hash = Hash(library.seed, item, kTime);
  char text[] = "2024-01-01T00:00:00Z";
  auto two = [&text](int at, std::uint64_t value) {
    text[at] = static_cast<char>('0' + value / 10);
    text[at + 1] = static_cast<char>('0' + value % 10);
  };
  two(2, 18 + hash % 9);
  two(5, 1 + (hash >> 8) % 12);
  two(8, 1 + (hash >> 16) % 28);
  two(11, (hash >> 24) % 24);
  two(14, (hash >> 32) % 60);
  two(17, (hash >> 40) % 60);
  out.append(text, sizeof text - 1);
}

void SimulatedTenant::AppendPath(std::string& out, const Library& library,
                                 std::uint32_t item) const {
  std::uint32_t chain[64];
  int depth = 0;
  for (std::uint32_t at = item; at > 0 && depth < 64; at = ParentOf(library, at)) {
    chain[depth++] = at;
  }
  out += webs_[library.web].path;
  out += '/';
  AppendEncoded(out, library.url_name);
  std::string name;
  while (depth > 0) {
    out += '/';
    name.clear();
    AppendName(name, library, chain[--depth]);
    AppendEncoded(out, name);
  }
}

std::uint32_t SimulatedTenant::VersionOf(const Library& library, std::uint32_t item) const {
  const ItemChange* change = ChangeOf(library, item);
  return 2 + (change ? change->version : 0);
}

bool SimulatedTenant::OwnsScope(const Library& library, std::uint32_t item) const {
  if (item == 0) return library.unique;
  if (const ItemChange* change = ChangeOf(library, item)) {
    if (change->deleted) return false;
    if (change->scope) return change->scope->unique;
    if (change->added) return false;
  }
  return BuiltOwnsScope(library, item);
}

bool SimulatedTenant::BuiltOwnsScope(const Library& library, std::uint32_t item) const {
  return Unit(Hash(library.seed, item, kScope)) < spec_.unique_rate;
}

ScopeKind SimulatedTenant::KindOf(const Library& library, std::uint32_t item) const {
  if (!OwnsScope(library, item)) return ScopeKind::kInherits;
  const ItemChange* change = ChangeOf(library, item);
  return change && change->scope ? sim::KindOf(*change->scope) : BuiltKind(library, item);
}

ScopeKind SimulatedTenant::BuiltKind(const Library& library, std::uint32_t item) const {
  const double kind = Unit(Hash(library.seed, item, kKind));
  if (kind < spec_.unshared_share) return ScopeKind::kUnshared;
  return kind < spec_.unshared_share + spec_.direct_share ? ScopeKind::kDirect : ScopeKind::kLinks;
}

std::uint32_t SimulatedTenant::ScopeOf(const Library& library, std::uint32_t item) const {
  while (item > 0 && !OwnsScope(library, item)) item = ParentOf(library, item);
  return item;
}

Acl SimulatedTenant::OwnAcl(const Library& library, std::uint32_t item) const {
  const ItemChange* change = ChangeOf(library, item);
  return change && change->scope ? change->scope->acl : BuiltOwnAcl(library, item);
}

Acl SimulatedTenant::BuiltOwnAcl(const Library& library, std::uint32_t item) const {
  std::uint32_t above = BuiltParent(library, item);
  while (above > 0 && !BuiltOwnsScope(library, above)) above = BuiltParent(library, above);
  const Acl parent = above > 0 ? BuiltOwnAcl(library, above) : BuiltAcl(library);
  return MakeAcl(parent, BuiltKind(library, item), Hash(library.seed, item, kEntries));
}

const Acl& SimulatedTenant::BuiltWebAcl(std::uint32_t number) const {
  const Web& web = webs_[number];
  if (web.parent >= 0 && !(web.built ? web.built->unique : web.unique)) {
    return BuiltWebAcl(static_cast<std::uint32_t>(web.parent));
  }
  return web.built ? web.built->acl : web.acl;
}

template <class Container>
const Acl& SimulatedTenant::BuiltAcl(const Container& container) const {
  if (!(container.built ? container.built->unique : container.unique)) {
    return BuiltWebAcl(container.web);
  }
  return container.built ? container.built->acl : container.acl;
}

Acl SimulatedTenant::EffectiveAcl(const Library& library, std::uint32_t item) const {
  const std::uint32_t owner = ScopeOf(library, item);
  return owner > 0 ? OwnAcl(library, owner) : LibraryAcl(library);
}

const Web& SimulatedTenant::ScopeWeb(const Web& web) const {
  const Web* at = &web;
  while (!at->unique && at->parent >= 0) at = &webs_[static_cast<std::size_t>(at->parent)];
  return *at;
}

const Acl& SimulatedTenant::LibraryAcl(const Library& library) const {
  return library.unique ? library.acl : ScopeWeb(webs_[library.web]).acl;
}

const Acl& SimulatedTenant::ListAcl(const GenericList& list) const {
  return list.unique ? list.acl : ScopeWeb(webs_[list.web]).acl;
}

bool SimulatedTenant::ListItemOwnsScope(const GenericList& list, std::uint32_t item) const {
  if (const ItemChange* change = ChangeOf(list, item)) {
    if (change->deleted) return false;
    if (change->scope) return change->scope->unique;
    if (change->added) return false;
  }
  return Unit(Hash(list.seed, item, kScope)) < spec_.list_item_unique_rate;
}

Guid SimulatedTenant::UniqueId(const GenericList& list, std::uint32_t item) const {
  return MakeGuid(Hash(list.seed, item, 78));
}

Acl SimulatedTenant::ListItemAcl(const GenericList& list, std::uint32_t item) const {
  if (!ListItemOwnsScope(list, item)) return ListAcl(list);
  const ItemChange* change = ChangeOf(list, item);
  if (change && change->scope) return change->scope->acl;
  const bool links = Unit(Hash(list.seed, item, 79)) < spec_.list_item_link_share;
  return MakeAcl(BuiltAcl(list), links ? ScopeKind::kLinks : ScopeKind::kDirect,
                 Hash(list.seed, item, kEntries));
}

std::optional<FoundItem> SimulatedTenant::ItemOfLinkGroup(std::uint32_t number) const {
  const auto found = link_groups_.find(number);
  if (found == link_groups_.end()) return std::nullopt;
  return found->second;
}

Principal SimulatedTenant::AnyPrincipal(std::uint64_t hash) const {
  using Kind = Principal::Kind;
  const double pick = Unit(Hash(hash, 1));
  const auto groups = directory_.groups().size();
  if (pick < 0.3 && groups > 0) {
    const auto group = static_cast<std::uint32_t>(Hash(hash, 2) % groups);
    const bool owners = directory_.groups()[group].m365 && Unit(Hash(hash, 3)) < 0.2;
    return {owners ? Kind::kGroupOwners : Kind::kGroup, group};
  }
  if (pick < 0.33 && spec_.otp_guests > 0) {
    return {Kind::kOtpGuest,
            static_cast<std::uint32_t>(Hash(hash, 2) % static_cast<unsigned>(spec_.otp_guests))};
  }
  return {Kind::kUser, static_cast<std::uint32_t>(Hash(hash, 2) % directory_.user_count())};
}

Link SimulatedTenant::MakeLink(std::uint64_t hash) const {
  const double total = spec_.anonymous_weight + spec_.organization_weight + spec_.users_weight;
  const double pick = Unit(Hash(hash, 1)) * (total > 0 ? total : 1);
  auto chance = [&](std::uint64_t salt, double rate) { return Unit(Hash(hash, salt)) < rate; };
  Link link;
  link.id = Text(MakeGuid(Hash(hash, 2)));
  link.scope = pick < spec_.anonymous_weight                               ? "anonymous"
               : pick < spec_.anonymous_weight + spec_.organization_weight ? "organization"
                                                                           : "users";
  const bool edit = chance(3, 0.4);
  link.type = edit ? "edit" : chance(4, spec_.link_review_rate) ? "review" : "view";
  if (chance(5, spec_.link_expired_rate)) {
    link.expires = fmt::format("2024-{:02}-15T00:00:00Z", 1 + Hash(hash, 6) % 12);
  } else if (chance(5, spec_.link_expired_rate + spec_.link_expires_rate)) {
    link.expires = fmt::format("2031-{:02}-01T08:30:00Z", 1 + Hash(hash, 6) % 12);
  }
  link.password = link.scope == "anonymous" && chance(7, spec_.link_password_rate);
  link.no_download = link.type == "view" && chance(8, spec_.link_no_download_rate);
  // Specific people are always Flexible; the others often.
  link.group_kind = link.scope == "users" || chance(9, 0.6)
                        ? "Flexible"
                        : std::string(link.scope == "anonymous" ? "Anonymous" : "Organization") +
                              (edit ? "Edit" : "View");
  const std::uint64_t people = link.scope == "users" ? 1 + Hash(hash, 10) % 4
                               : chance(11, 0.2)     ? Hash(hash, 10) % 3
                                                     : 0;
  for (std::uint64_t k = 0; k < people; ++k) {
    Principal who = AnyPrincipal(Hash(hash, 12, k));
    const bool group = who.kind == Principal::Kind::kGroup;
    const bool named = group && link.scope == "users" && chance(14, spec_.link_group_rate);
    if ((group && !named) || who.kind == Principal::Kind::kGroupOwners) {
      who = {Principal::Kind::kUser,
             static_cast<std::uint32_t>(Hash(hash, 13, k) % directory_.user_count())};
    }
    if (std::find(link.people.begin(), link.people.end(), who) == link.people.end()) {
      link.people.push_back(who);
    }
  }
  return link;
}

// Breaking inheritance copies the entries of the scope above, without its links; then each kind of
// scope goes its own way.
Acl SimulatedTenant::MakeAcl(const Acl& parent, ScopeKind kind, std::uint64_t hash) const {
  Acl acl;
  if (kind == ScopeKind::kUnshared && Unit(Hash(hash, 1)) < spec_.empty_acl_rate) return acl;
  for (const Entry& entry : parent.entries) {
    if (entry.who.kind == Principal::Kind::kLink) continue;
    // An unshared scope is locked down: the first entry (the owners) stays, others mostly go.
    const bool first = acl.entries.empty();
    if (kind == ScopeKind::kUnshared && !first && Unit(Hash(hash, 2, acl.entries.size())) < 0.7) {
      break;
    }
    acl.entries.push_back(entry);
    acl.entries.back().copied = true;
  }
  auto add = [&](Principal who, Level level) {
    const auto same = [&](const Entry& entry) { return entry.who == who; };
    if (std::none_of(acl.entries.begin(), acl.entries.end(), same)) {
      acl.entries.push_back({who, {level}, false});
    }
  };
  if (kind == ScopeKind::kDirect) {
    const bool big = Unit(Hash(hash, 3)) < spec_.big_acl_rate;
    const std::uint64_t count = big ? 250 : 1 + Hash(hash, 4) % 4;
    for (std::uint64_t k = 0; k < count; ++k) {
      const double level = Unit(Hash(hash, 5, k));
      const bool custom = Unit(Hash(hash, 6, k)) < spec_.custom_level_rate;
      add(AnyPrincipal(Hash(hash, 7, k)), custom         ? Level::kCustom
                                          : level < 0.4  ? Level::kContribute
                                          : level < 0.5  ? Level::kEdit
                                          : level < 0.55 ? Level::kFullControl
                                          : level < 0.6  ? Level::kRestrictedView
                                                         : Level::kRead);
    }
    if (Unit(Hash(hash, 8)) < spec_.eeeu_rate / 3) {
      add({Principal::Kind::kEveryoneExceptExternal, 0}, Level::kRead);
    }
  }
  if (kind == ScopeKind::kLinks) {
    const std::uint64_t count = 1 + (Unit(Hash(hash, 9)) < 0.25 ? Hash(hash, 10) % 3 : 0);
    for (std::uint64_t k = 0; k < count; ++k) {
      acl.links.push_back(MakeLink(Hash(hash, 11, k)));
      const bool edit = acl.links.back().type == "edit";
      acl.entries.push_back({{Principal::Kind::kLink, static_cast<std::uint32_t>(k)},
                             {edit ? Level::kContribute : Level::kRead},
                             false});
    }
    acl.existing_access = Unit(Hash(hash, 12)) < spec_.existing_access_rate;
  }
  return acl;
}

}  // namespace spa
