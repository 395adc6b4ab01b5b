#include "simulator/tenant_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace spa {

using namespace sim;

namespace {

constexpr std::uint64_t kWebSalt = 0x776562, kLibrarySalt = 0x6c6962, kListSalt = 0x6c697374;

using Kind = Principal::Kind;

}  // namespace

void TenantBuilder::Build() {
  for (int i = 0; i < spec_.sites; ++i) AddCollection(i, false);
  for (int i = 0; i < spec_.personal_sites; ++i) AddCollection(i, true);
  for (std::uint32_t web = 0; web < t_.webs_.size(); ++web) AddContents(web);
  SpreadItems();
  for (const Web& web : t_.webs_) Index(web);
  for (const Library& library : t_.libraries_) Index(library);
  for (const GenericList& list : t_.lists_) Index(list);
}

std::uint32_t TenantBuilder::AddSiteLater(std::uint32_t items) {
  const std::size_t webs = t_.webs_.size(), libraries = t_.libraries_.size();
  const std::size_t lists = t_.lists_.size();
  // A number beyond those of the spec: neither renamed nor closed.
  const auto number = spec_.sites + spec_.renamed_sites + static_cast<int>(webs);
  const std::uint32_t root = AddCollection(number, false);
  for (std::uint32_t web = root; web < t_.webs_.size(); ++web) AddContents(web);
  FillLater(libraries, items);
  for (std::size_t i = webs; i < t_.webs_.size(); ++i) Index(t_.webs_[i]);
  for (std::size_t i = lists; i < t_.lists_.size(); ++i) Index(t_.lists_[i]);
  return root;
}

std::uint32_t TenantBuilder::AddLibraryLater(std::uint32_t web, std::uint32_t items) {
  const std::size_t libraries = t_.libraries_.size();
  AddLibrary(web, 1'000 + static_cast<int>(libraries), false);
  FillLater(libraries, items);
  return static_cast<std::uint32_t>(libraries);
}

void TenantBuilder::FillLater(std::size_t first_library, std::uint32_t items) {
  for (std::size_t i = first_library; i < t_.libraries_.size(); ++i) {
    Library& library = t_.libraries_[i];
    library.items = library.system ? 0 : items;
    ShapeLibrary(library);
    for (std::size_t k = 0; k < i; ++k) {
      const Library& other = t_.libraries_[k];
      if (t_.webs_[other.web].collection != t_.webs_[library.web].collection) continue;
      library.first_in_collection =
          std::max(library.first_in_collection, other.first_in_collection + other.built_items + 1);
    }
    Index(library);
  }
}

std::uint32_t TenantBuilder::AddCollection(int number, bool personal) {
  const std::uint64_t hash = Hash(spec_.seed, kWebSalt, number, personal);
  Web web;
  web.personal = personal;
  web.site_id = MakeGuid(Hash(hash, 1));
  web.web_id = MakeGuid(Hash(hash, 2));
  web.language = LanguageOf(spec_.languages[Hash(hash, 3) % spec_.languages.size()]);
  web.host = spec_.host;
  if (personal) {
    const User owner =
        t_.directory_.UserAt(static_cast<std::uint32_t>(number) % t_.directory_.user_count());
    std::string local = Lower(owner.upn);
    std::replace_if(
        local.begin(), local.end(), [](char c) { return c == '@' || c == '.' || c == '#'; }, '_');
    const auto dot = spec_.host.find('.');
    web.host = spec_.host.substr(0, dot) + "-my" + spec_.host.substr(dot);
    web.name = local;
    web.title = owner.name;
    web.path = "/personal/" + local;
  } else if (number == 0) {
    web.name = "root";  // The tenant's root site has no path of its own.
    web.title = "Fabrikam";
  } else {
    web.name = fmt::format("{}{}", SiteWord(hash), number);
    web.path = "/sites/" + web.name;
    web.title = fmt::format("{} {}", SiteWord(hash), number);
    if (Unit(Hash(hash, 4)) < spec_.odd_name_rate) {
      web.title += fmt::format(" – {}", OddWord(Hash(hash, 5)));
    }
    // The states stand at the end of the row; renamed sites right after the root.
    int back = spec_.sites - number;
    const std::pair<int, SiteState> states[] = {{spec_.locked_sites, SiteState::kLocked},
                                                {spec_.archived_sites, SiteState::kArchived},
                                                {spec_.forbidden_sites, SiteState::kForbidden},
                                                {spec_.missing_sites, SiteState::kMissing}};
    for (const auto& [count, state] : states) {
      if (back > 0 && back <= count) web.state = state;
      back -= count;
    }
    if (number <= spec_.renamed_sites) web.old_path = "/sites/old-" + web.name;
    web.channel =
        number > spec_.renamed_sites && number <= spec_.renamed_sites + spec_.channel_sites;
  }
  AddSiteGroups(web, hash);
  if (personal) {
    const Principal owner{Kind::kUser,
                          static_cast<std::uint32_t>(number) % t_.directory_.user_count()};
    web.admins = {owner};
    web.acl.entries = {{owner, {Level::kFullControl}, false}};
  } else {
    GiveOwnScope(web, hash);
  }
  const std::uint32_t index = AddWeb(std::move(web));
  if (!personal && Unit(Hash(hash, 6)) < spec_.subsite_rate) {
    AddSubsite(index, 1);
    if (Unit(Hash(hash, 7)) < 0.3) AddSubsite(index, 1);
  }
  return index;
}

void TenantBuilder::AddSubsite(std::uint32_t parent, int depth) {
  const Web& above = t_.webs_[parent];
  const std::uint64_t hash = Hash(spec_.seed, kWebSalt, parent, 7 + above.children.size());
  Web web;
  web.parent = static_cast<std::int32_t>(parent);
  web.collection = above.collection;
  web.site_id = above.site_id;
  web.web_id = MakeGuid(hash);
  web.host = above.host;
  web.state = above.state;
  web.language = above.language;
  web.name = fmt::format("{}-sub{}", SiteWord(hash), above.children.size() + 1);
  web.title = web.name;
  web.path = above.path + "/" + web.name;
  web.unique = Unit(Hash(hash, 1)) < spec_.subsite_unique_rate;
  if (web.unique) {
    web.acl.entries.push_back({{Kind::kSiteGroup, 3}, {Level::kFullControl}, true});
    web.acl.entries.push_back({t_.AnyPrincipal(Hash(hash, 2)), {Level::kContribute}, false});
  }
  const std::uint32_t index = AddWeb(std::move(web));
  if (depth < 2 && Unit(Hash(hash, 3)) < spec_.subsite_rate) AddSubsite(index, depth + 1);
}

std::uint32_t TenantBuilder::AddWeb(Web web) {
  web.number = static_cast<std::uint32_t>(t_.webs_.size());
  if (web.parent < 0) {
    web.collection = web.number;
  } else {
    t_.webs_[static_cast<std::size_t>(web.parent)].children.push_back(web.number);
  }
  web.id = fmt::format("{},{},{}", web.host, Text(web.site_id), Text(web.web_id));
  t_.webs_.push_back(std::move(web));
  return t_.webs_.back().number;
}

// Owners 3, Visitors 4, Members 5 as SharePoint numbers them, and sometimes a group whose title
// only looks like that of a sharing link (permissions.md 7.4).
void TenantBuilder::AddSiteGroups(Web& web, std::uint64_t hash) {
  const auto title = [&](Phrase phrase) {
    return fmt::format("{} {}", web.title, Say(phrase, web.language));
  };
  const std::string owners = title(Phrase::kOwners);
  auto people = [&](std::uint64_t salt, std::uint64_t count) {
    std::vector<Principal> members;
    for (std::uint64_t k = 0; k < count; ++k) {
      const Principal who = t_.AnyPrincipal(Hash(hash, salt, k));
      if (std::find(members.begin(), members.end(), who) == members.end()) members.push_back(who);
    }
    return members;
  };
  web.groups.push_back({3, owners, owners, "", false, people(21, 1 + Hash(hash, 20) % 3)});
  web.groups.push_back(
      {4, title(Phrase::kVisitors), owners, "", false, people(22, Hash(hash, 23) % 5)});
  web.groups.push_back(
      {5, title(Phrase::kMembers), owners, "", true, people(24, 2 + Hash(hash, 25) % 30)});
  if (web.channel) return AddChannelPeople(web, hash);
  const auto link_title = [&](std::uint64_t salt) {
    return fmt::format("SharingLinks.{}.Flexible.{}", Text(MakeGuid(Hash(hash, salt))),
                       Text(MakeGuid(Hash(hash, salt, 1))));
  };
  if (Unit(Hash(hash, 26)) < spec_.forged_link_group_rate) {
    web.groups.push_back({6, link_title(38), owners, "Made by a person", false, people(27, 2)});
  }
  if (Unit(Hash(hash, 39)) < spec_.orphan_link_group_rate) {
    web.groups.push_back({7, link_title(50), std::string(Say(Phrase::kSystemAccount, web.language)),
                          "", false, people(51, 2), true});
  }
  if (Unit(Hash(hash, 28)) < spec_.eeeu_rate) {
    web.groups[1].members.push_back({Kind::kEveryoneExceptExternal, 0});
  }
  // A site connected to an M365 group: its owners are admins, its members are Members.
  const auto& groups = t_.directory_.groups();
  if (!groups.empty() && Unit(Hash(hash, 29)) < 0.4) {
    const auto group = static_cast<std::uint32_t>(Hash(hash, 30) % groups.size());
    if (groups[group].m365) {
      web.groups[2].members = {{Kind::kGroup, group}};
      web.admins.push_back({Kind::kGroupOwners, group});
    }
  }
  if (web.admins.empty()) {
    web.admins.push_back({Kind::kUser, static_cast<std::uint32_t>(Hash(hash, 31) % 5)});
  }
  if (Unit(Hash(hash, 32)) < spec_.eeeu_admin_rate) {
    web.admins.push_back({Kind::kEveryoneExceptExternal, 0});
  }
  if (Unit(Hash(hash, 33)) < spec_.app_grant_rate) {
    constexpr const char* kRoles[] = {"read", "write", "manage", "fullcontrol"};
    const std::uint64_t count = 1 + Hash(hash, 34) % 3;
    for (std::uint64_t k = 0; k < count; ++k) {
      const std::uint64_t app = Hash(spec_.seed, 35, Hash(hash, 36, k) % 8);  // The tenant has few.
      web.apps.push_back(
          {Text(MakeGuid(app)), FolderWord(app) + " Sync", kRoles[Hash(hash, 37, k) % 4]});
    }
    const auto same = [](const AppGrant& a, const AppGrant& b) { return a.app_id == b.app_id; };
    std::sort(web.apps.begin(), web.apps.end(),
              [](const AppGrant& a, const AppGrant& b) { return a.app_id < b.app_id; });
    web.apps.erase(std::unique(web.apps.begin(), web.apps.end(), same), web.apps.end());
  }
}

// The site of a private channel has no group of the directory: Teams keeps its owners and members
// in the site's groups, person by person (permissions.md 7.4).
void TenantBuilder::AddChannelPeople(Web& web, std::uint64_t hash) {
  const auto user = [&](std::uint64_t salt) {
    return Principal{Kind::kUser,
                     static_cast<std::uint32_t>(Hash(hash, salt) % t_.directory_.user_count())};
  };
  const Principal owner = user(60);
  web.groups[0].members = {owner};
  web.groups[1].members.clear();
  web.groups[2].members = {owner};
  for (std::uint64_t k = 0; k < 5; ++k) {
    const Principal who = user(61 + k);
    auto& members = web.groups[2].members;
    if (std::find(members.begin(), members.end(), who) == members.end()) members.push_back(who);
  }
  web.admins = {owner};
}

void TenantBuilder::GiveOwnScope(Web& web, std::uint64_t hash) {
  auto& entries = web.acl.entries;
  entries.push_back({{Kind::kSiteGroup, 3}, {Level::kFullControl}, false});
  entries.push_back({{Kind::kSiteGroup, 4}, {Level::kRead}, false});
  entries.push_back({{Kind::kSiteGroup, 5}, {Level::kEdit}, false});
  const auto by_hand = [](const SiteGroup& group) { return group.id == 6; };
  if (std::any_of(web.groups.begin(), web.groups.end(), by_hand)) {
    entries.push_back({{Kind::kSiteGroup, 6}, {Level::kRead}, false});
  }
  if (Unit(Hash(hash, 40)) < 0.3) {  // Two bindings: rights add up.
    entries.push_back({t_.AnyPrincipal(Hash(hash, 41)), {Level::kRead, Level::kContribute}, false});
  }
  if (Unit(Hash(hash, 42)) < spec_.everyone_rate) {
    entries.push_back({{Kind::kEveryone, 0}, {Level::kRead}, false});
  }
  if (Unit(Hash(hash, 52)) < spec_.windows_everyone_rate) {
    entries.push_back({{Kind::kWindowsEveryone, 0}, {Level::kRead}, false});
  }
  if (Unit(Hash(hash, 54)) < spec_.sharepoint_app_rate) {
    entries.push_back({{Kind::kSharePointApp, 0}, {Level::kFullControl}, false});
  }
  if (Unit(Hash(hash, 43)) < spec_.eeeu_rate) {
    const bool foreign = spec_.foreign_eeeu && Unit(Hash(hash, 44)) < 0.3;
    entries.push_back(
        {{foreign ? Kind::kForeignEveryoneExceptExternal : Kind::kEveryoneExceptExternal, 0},
         {Unit(Hash(hash, 45)) < 0.2 ? Level::kContribute : Level::kRead},
         false});
  }
  if (Unit(Hash(hash, 46)) < 0.5) {  // Something below is shared with these; they get nothing here.
    web.plumbing.push_back({t_.AnyPrincipal(Hash(hash, 47)), {Level::kLimited}, false});
    const auto& known = entries;
    std::erase_if(web.plumbing, [&](const Entry& entry) {
      return std::any_of(known.begin(), known.end(),
                         [&](const Entry& other) { return other.who == entry.who; });
    });
  }
}

void TenantBuilder::AddContents(std::uint32_t web) {
  const bool personal = t_.webs_[web].personal;
  const int libraries = personal ? 1 : spec_.libraries_per_site;
  for (int i = 0; i < libraries; ++i) AddLibrary(web, i, false);
  if (spec_.system_libraries && !personal) AddLibrary(web, libraries, true);
  for (int i = 0; i < (personal ? 0 : spec_.lists_per_site); ++i) AddList(web, i);
}

void TenantBuilder::AddLibrary(std::uint32_t web_number, int ordinal, bool system) {
  Web& web = t_.webs_[web_number];
  Library library;
  library.number = static_cast<std::uint32_t>(t_.libraries_.size());
  library.web = web_number;
  library.seed = Hash(spec_.seed, kLibrarySalt, web_number, ordinal);
  library.list_id = MakeGuid(library.seed);
  library.prefix = static_cast<std::uint32_t>(Hash(library.seed, 2));
  library.drive_id = DriveId(web.site_id, web.web_id, library.list_id);
  library.system = system;
  if (system) {
    library.title = Say(Phrase::kSiteAssets, web.language);
    library.url_name = "SiteAssets";
  } else if (ordinal == 0) {
    library.title = Say(Phrase::kDocuments, web.language);
    library.url_name = web.personal ? "Documents" : "Shared Documents";
  } else {
    const bool odd = Unit(Hash(library.seed, 3)) < spec_.odd_name_rate;
    library.title = fmt::format("{} {}", FolderWord(library.seed), ordinal);
    if (odd) library.title += fmt::format(" {}", OddWord(library.seed >> 9));
    library.url_name = library.title;
  }
  library.unique = !system && Unit(Hash(library.seed, 4)) < spec_.library_unique_rate;
  if (library.unique) {
    library.acl = t_.MakeAcl(t_.ScopeWeb(web).acl, ScopeKind::kDirect, Hash(library.seed, 5));
  }
  web.libraries.push_back(library.number);
  t_.libraries_.push_back(std::move(library));
}

void TenantBuilder::AddList(std::uint32_t web_number, int ordinal) {
  Web& web = t_.webs_[web_number];
  GenericList list;
  list.number = static_cast<std::uint32_t>(t_.lists_.size());
  list.web = web_number;
  list.seed = Hash(spec_.seed, kListSalt, web_number, ordinal);
  list.list_id = MakeGuid(list.seed);
  list.title = fmt::format("{} {}", Say(Phrase::kTasks, web.language), ordinal + 1);
  list.url_name = fmt::format("Tasks{}", ordinal + 1);
  list.items = static_cast<std::uint32_t>(spec_.list_items);
  list.unique = Unit(Hash(list.seed, 1)) < spec_.list_unique_rate;
  if (list.unique) {
    list.acl = t_.MakeAcl(t_.ScopeWeb(web).acl, ScopeKind::kDirect, Hash(list.seed, 2));
  }
  web.lists.push_back(list.number);
  t_.lists_.push_back(std::move(list));
}

// Shares by a heavy-tailed weight, rounded down; the remainder goes to the first libraries.
void TenantBuilder::SpreadItems() {
  std::vector<double> weights(t_.libraries_.size(), 0);
  double total = 0;
  for (const Library& library : t_.libraries_) {
    if (t_.webs_[library.web].state != SiteState::kOpen) continue;
    const double tail = 1.0 / (0.02 + Unit(Hash(library.seed, 6)));
    total += weights[library.number] = library.system ? 0.05 : tail;
  }
  std::int64_t left = spec_.items;
  for (Library& library : t_.libraries_) {
    const double share = total > 0 ? weights[library.number] / total : 0;
    library.items =
        static_cast<std::uint32_t>(std::floor(static_cast<double>(spec_.items) * share));
    left -= library.items;
  }
  while (left > 0) {
    for (Library& library : t_.libraries_) {
      if (left > 0 && weights[library.number] > 0) {
        ++library.items;
        --left;
      }
    }
  }
  std::vector<std::uint64_t> before(t_.webs_.size(), 0);
  for (Library& library : t_.libraries_) {
    ShapeLibrary(library);
    auto& count = before[t_.webs_[library.web].collection];
    library.first_in_collection = count;
    count += library.items + 1;
  }
}

void TenantBuilder::ShapeLibrary(Library& library) {
  library.built_items = library.items;
  if (spec_.folder_rate > 0 && library.items > 0) {
    library.stride = std::max(2u, static_cast<std::uint32_t>(std::lround(1 / spec_.folder_rate)));
    library.folders = (library.items - 1) / library.stride + 1;
    // The narrowest tree that keeps within the depth.
    for (library.branching = 1;; ++library.branching) {
      double room = 0, level = 1;
      for (int depth = 0; depth < spec_.depth; ++depth) room += level *= library.branching;
      if (room >= library.folders) break;
    }
  }
  if (spec_.long_paths && Hash(library.seed, 7) % 6 == 0) {
    // The limit is 400 characters for the decoded path below the host (graph.md 4.9).
    const auto used = t_.webs_[library.web].path.size() + library.url_name.size() + 2;
    const auto room = used < 400 ? 400 - used : 0;
    library.name_length =
        static_cast<std::uint32_t>(room / (static_cast<unsigned>(spec_.depth) + 1)) - 2;
  }
}

void TenantBuilder::Index(const Web& web) {
  t_.web_by_guid_.emplace(Text(web.web_id), web.number);
  t_.web_by_guid_.emplace(Text(web.site_id), web.number);  // The first is the root web.
  t_.web_by_path_.emplace(Lower(web.path), web.number);
  if (!web.old_path.empty()) t_.renamed_.emplace(Lower(web.old_path), web.number);
}

void TenantBuilder::Index(const Library& library) {
  t_.library_by_drive_.emplace(library.drive_id, library.number);
  t_.library_by_list_.emplace(Text(library.list_id), library.number);
}

void TenantBuilder::Index(const GenericList& list) {
  t_.list_by_guid_.emplace(Text(list.list_id), list.number);
}

}  // namespace spa
